package job_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

func templated(t *testing.T, quantity int, texts map[string]string) *input.File {
	t.Helper()
	byField := map[*field.Field]string{}
	for name, text := range texts {
		byField[field.Get(name)] = text
	}
	templates, err := job.NewTemplates(byField, quantity, "night")
	if err != nil {
		t.Fatal(err)
	}
	file, err := input.Open(t.Context(), input.Options{Name: "-", Format: input.JSONLines, Use: field.File, MayBeEmpty: true, SpoolDir: t.TempDir()}, templates.Reader())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// A row that says nothing is a row all the same: as many users are made as were asked for.
func TestTemplatesMakeEveryRow(t *testing.T) {
	t.Parallel()
	f := templated(t, 5, map[string]string{"City": `{{if gt .N 3}}"Bonn"{{end}}`})
	if n, bad, err := f.Check(t.Context(), func(input.Mistake) error { return nil }); n != 5 || bad != 0 || err != nil {
		t.Errorf("%d rows, %d bad, %v", n, bad, err)
	}
}

// The shards of a template run make exactly the users of the whole.
func TestShardsOfTemplatesPartition(t *testing.T) {
	t.Parallel()
	const quantity, shards = 200, 7
	users := func(c journal.Choice) map[string]int {
		choice, err := job.NewChoice(c)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		in := job.FileRows{File: templated(t, quantity, map[string]string{"ClientId": "ci-{{.Run}}-{{.N}}"}), Choice: choice, Tokens: job.NewTokens(instance, "00")}
		if err := in.Rows(context.Background(), func(r job.Row) error { out[fmt.Sprint(r.Token, r.ClientID, r.N)]++; return nil }); err != nil {
			t.Fatal(err)
		}
		return out
	}
	whole, together := users(journal.Choice{}), map[string]int{}
	for shard := 1; shard <= shards; shard++ {
		for user, n := range users(journal.Choice{Shard: shard, Shards: shards}) {
			together[user] += n
		}
	}
	if len(whole) != quantity || len(together) != quantity {
		t.Fatalf("the whole has %d users, its shards %d", len(whole), len(together))
	}
	for user := range whole {
		if together[user] != 1 {
			t.Errorf("%s is in %d shards", user, together[user])
		}
	}
}

// A template that fails for a row late in the run ends the reading with that row.
func TestATemplateThatFailsLate(t *testing.T) {
	t.Parallel()
	templates, err := job.NewTemplates(map[*field.Field]string{field.Get("City"): `{{if gt .N 2}}{{slice "ab" .N}}{{end}}`}, 9, "night")
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(templates.Reader())
	var f *failure.Error
	if !errors.As(err, &f) || f.Code != failure.Invalid || len(f.Fields) != 1 || f.Fields[0].Key != "--city-template" {
		t.Errorf("got %v", err)
	}
}
