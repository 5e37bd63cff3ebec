package job_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// account is the journal of a job with these entries, and its rows, which say nothing but a city.
func account(t *testing.T, entries ...journal.Entry) (job.NumberedRows, *journal.Table) {
	t.Helper()
	held, err := journal.Jobs{Dir: t.TempDir()}.Create(journal.Spec{ID: jobID, Rows: len(entries), Requested: len(entries)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	if err := held.Table.PutAll(1, entries); err != nil {
		t.Fatal(err)
	}
	in := job.NumberedRows{Quantity: len(entries), Tokens: job.NewTokens(instance, "00")}
	in.Custom.Put(field.Get("City"), "Bonn")
	return in, held.Table
}

// A process that is killed leaves rows that were sent and have no answer: their users may be there, and the results name their DeviceTokens.
func TestTheResultsNameTheDeviceTokensOfRowsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	token := uuid.MustParse("01234567-89ab-8cde-8f01-23456789abcd")
	in, table := account(t,
		journal.Entry{State: journal.Created, Token: token},
		journal.Entry{State: journal.Sent, Token: token},
		journal.Entry{State: journal.Sent, Theirs: true},
		journal.Entry{State: journal.Failed, Token: token, Text: "no"},
		journal.Entry{},
	)
	var out bytes.Buffer
	blank, err := job.Results(context.Background(), &out, input.CSV, in, table)
	const why = `"it was sent, and the answer is not known: the run ended before it came, or is under way"`
	want := fmt.Sprintf("City,DeviceToken,Outcome,Error\nBonn,%[1]s,created,\nBonn,%[1]s,unknown,%[2]s\nBonn,,unknown,%[2]s\nBonn,,failed,no\nBonn,,,\n", token, why)
	if err != nil || blank != 1 || out.String() != want {
		t.Errorf("%d rows without an outcome, %v, in\n%swant\n%s", blank, err, &out, want)
	}
}

// What may have been made is not given back for another try, and is counted by whether this job tries it again.
func TestRowsWithoutAnAnswerAreNotGivenBack(t *testing.T) {
	t.Parallel()
	in, table := account(t, journal.Entry{State: journal.Sent}, journal.Entry{State: journal.Sent, Theirs: true}, journal.Entry{State: journal.Failed, Text: "no"})
	path := filepath.Join(t.TempDir(), "mend.csv")
	left, err := job.WriteFailed(context.Background(), path, in, table)
	if want := (job.Left{Failed: 1, Again: 1, Lost: 1}); err != nil || left != want {
		t.Errorf("%+v, %v, want %+v", left, err, want)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "City,Error\nBonn,no\n" {
		t.Errorf("%q, %v", got, err)
	}
}

// What this job tries again is not given back where it would be another user of another job. A row that failed for good is.
func TestRowsThatAreTriedAgainAreNotGivenBackUnlessTheirDeviceTokensAreTheSame(t *testing.T) {
	t.Parallel()
	again, forGood := journal.Entry{State: journal.Failed, Again: true, Text: "busy"}, journal.Entry{State: journal.Failed, Text: "no"}
	in, table := account(t, again, forGood)
	whole, err := input.Open(context.Background(), input.Options{Name: "-", Format: input.CSV, Use: field.File}, strings.NewReader("ClientId,City\nc-1,Bonn\n,Bonn\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = whole.Close() }()
	theirs := job.NumberedRows{Quantity: 2, Custom: in.Custom, Theirs: true}
	_, bothAgain := account(t, again, again)
	for name, c := range map[string]struct {
		in      job.Table
		account *journal.Table
		want    string
	}{
		"of one that nothing names, and one that failed for good": {in, table, "City,Error\nBonn,no\n"},
		"of one that has a ClientId, and one that has none":       {job.FileRows{File: whole, Tokens: in.Tokens}, bothAgain, "ClientId,City,Error\nc-1,Bonn,busy\n"},
		"where the service chooses":                               {theirs, bothAgain, "City,Error\n"},
		"of a file where the service chooses":                     {job.FileRows{File: whole, Theirs: true}, bothAgain, "ClientId,City,Error\n"},
	} {
		path := filepath.Join(t.TempDir(), "mend.csv")
		left, err := job.WriteFailed(context.Background(), path, c.in, c.account)
		got, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || string(got) != c.want || left.Failed+left.Kept != 2 || left.Failed != strings.Count(c.want, "Bonn") {
			t.Errorf("%s: %q, %+v, %v, %v, want %q", name, got, left, err, readErr, c.want)
		}
	}
}
