package operation_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// What is wrong with rows that a job is not about does not keep it from running.
func TestOnlyTheRowsOfTheSelectionAreJudged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.csv")
	content := "FirstName,City,ChildrenCount\nvarchar,varchar,integer\nAda,Bonn,2\nBob,Ulm,many\nCyd,Bonn,1\n" +
		"Dan,Bonn,many\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		job.Selection
		bad int
	}{
		{"all", job.Selection{}, 3},
		{"past a line of types", job.Selection{Offset: 1}, 2},
		{"at most so many", job.Selection{Offset: 1, Limit: 1}, 0},
		{"those that match", job.Selection{Match: "City=Bonn"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, err := input.Open(t.Context(), input.Options{Name: path, Use: field.File}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			selector, err := operation.NewSelector(c.Selection)
			if err != nil {
				t.Fatal(err)
			}
			file.Select(selector.Judged(file))
			_, bad, err := file.Check(t.Context(), func(*input.Row) error { return nil })
			if bad != c.bad || err != nil {
				t.Errorf("%d bad rows, %v; want %d", bad, err, c.bad)
			}
		})
	}
}
