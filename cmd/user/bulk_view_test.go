package user

import (
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// Exit status 2 says that nothing was sent. A run that ends for a file that was changed says so only where that is true, and names the way on: the old
// content where rows of it were sent, a new command where none was.
func TestTheErrorOfAFileThatWasChanged(t *testing.T) {
	changed := &failure.Error{Code: failure.Invalid, Message: "u.csv: the file was changed", Hint: "give the command again", Cause: input.ErrChanged}
	const back = "put the file back as it was; then go on with the same command or `telematicsctl job resume j`"
	for name, c := range map[string]struct {
		sent    int
		resumed bool
		code    failure.Code
		hint    string
	}{
		"nothing was sent":         {code: failure.Invalid, hint: "give the command again"},
		"rows were sent":           {sent: 3, code: failure.Failed, hint: back},
		"an earlier run has sent":  {resumed: true, code: failure.Invalid, hint: back},
		"both an earlier and this": {sent: 3, resumed: true, code: failure.Failed, hint: back},
	} {
		r := &bulkRun{spec: journal.Spec{ID: "j", File: &journal.File{Path: "u.csv"}}, resumed: c.resumed}
		got := failure.From(r.endedEarly(changed, job.Totals{Requested: 9, Created: c.sent, Sent: c.sent}))
		if got.Code != c.code || !strings.HasSuffix(got.Hint, c.hint) || !strings.HasSuffix(got.Message, changed.Message) {
			t.Errorf("%s: %s %s (%s)", name, got.Code, got.Message, got.Hint)
		}
	}
}
