package input_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// Of a row that is not to be looked at, the cells and the ClientId are read, and nothing
// is held against it.
func TestARowThatIsNotLookedAtHasItsCellsAndItsClientId(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"users.csv": "ClientId,Email\nc-1,nobody\nc-2,nobody\n",
		"users.json": `[{"UserFields":{"ClientId":"c-1"},"Email":"nobody"},{"UserFields":{"ClientId":"c-2"},` +
			`"Email":"nobody"}]`,
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := input.Open(context.Background(),
			input.Options{Name: path, Use: field.File, Now: time.Unix(1_700_000_000, 0)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = f.EachOf(context.Background(), func(n int) bool { return n == 2 }, func(r *input.Row) error {
			client := []string{"c-1", "c-2"}[r.N-1]
			if r.Set.Text("ClientId") != client || !slices.Equal(r.Cells, []string{client, "nobody"}) ||
				(len(r.Mistakes) > 0) != (r.N == 2) {
				t.Errorf("%s: row %d is %+v", name, r.N, r)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		_ = f.Close()
	}
}
