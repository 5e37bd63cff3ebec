package browse_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// talk holds a dialogue, and returns what was said, what was typed marked.
func talk(t *testing.T, o browse.Options, port browse.Port, typed ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	var err error
	synctest.Test(t, func(t *testing.T) {
		in := &echo{lines: typed, out: &out}
		err = browse.Dialogue(t.Context(), browse.Lines{In: in, Out: &out, Now: func() time.Time { return now }}, o, port)
	})
	return out.String(), err
}

// echo is a person who types each line when it is read, and whose terminal shows it.
type echo struct {
	lines []string
	out   *bytes.Buffer
}

func (e *echo) Read(p []byte) (int, error) {
	synctest.Wait() // everything that can be said has been
	if len(e.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.lines[0]+"\n")
	e.out.WriteString("  <" + e.lines[0] + ">\n")
	e.lines = e.lines[1:]
	return n, nil
}

// The dialogues, line by line, are those in testdata/dialogues.
func TestDialogues(t *testing.T) {
	t.Parallel()
	state := adaCard()
	switching := fakePort{
		card: func(context.Context, string) (browse.Card, error) { return state, nil },
		change: func(_ context.Context, c browse.Change, sent func()) (browse.Changed, error) {
			sent()
			return browse.Changed{Card: with(state, c.Field, c.To)}, nil
		},
	}
	limited := &failure.Error{Code: failure.RateLimited, Status: 429, RequestID: "9a2b",
		Message: "list users: too many requests"}
	for _, c := range []struct {
		name  string
		o     browse.Options
		port  browse.Port
		typed []string
	}{
		{"switch-and-undo", options(), switching, []string{"ada", "1", "3", "2h", "", "no thanks", "y", "6", "y", "q"}},
		{"read-only", readOnly(), switching, []string{"ada", "1", "t", "99", "4", "wrong", "prod", "2", "n", "c", "", "q"}},
		{"nobody", options(), fakePort{search: func(context.Context, browse.Query) (browse.Hits, error) {
			return browse.Hits{}, nil
		}}, []string{"xyz", "", "7"}},
		{"refused", options(), fakePort{search: func(context.Context, browse.Query) (browse.Hits, error) {
			return browse.Hits{}, limited
		}}, []string{"ada", "q"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, err := talk(t, c.o, c.port, c.typed...)
			if err != nil {
				t.Errorf("it ends with %v", err)
			}
			golden(t, filepath.Join("testdata", "dialogues", c.name+".txt"), said)
		})
	}
}

// Whoever hears the dialogue line by line hears everything that a screen of any height shows of a
// user.
func TestTheDialogueSaysAllThatTheScreenShows(t *testing.T) {
	t.Parallel()
	said, err := talk(t, readOnly(), fakePort{}, "ada", "1", "q")
	if err != nil {
		t.Fatal(err)
	}
	d := atAda(readOnly())
	shown := d.screen(400, 80)
	words := strings.Fields(strings.NewReplacer("│", " ", "─", "", ">", "").Replace(shown))
	heard := strings.ToLower(said)
	for _, w := range words {
		w = strings.Trim(w, "().,:;·")
		switch w {
		case "telematicsctl", "Search", "Esc", "back", "copy", "?", "keys", "", "Only":
			continue // how the screen is used
		}
		if !strings.Contains(heard, strings.ToLower(w)) {
			t.Errorf("%q is shown and not said:\n%s\n%s", w, shown, said)
		}
	}
}

// A sign-in that has expired ends the dialogue, too.
func TestAnExpiredSignInEndsTheDialogue(t *testing.T) {
	t.Parallel()
	_, err := talk(t, options(), fakePort{search: func(context.Context, browse.Query) (browse.Hits, error) {
		return browse.Hits{}, failure.New(failure.Unauthorized, "not signed in")
	}}, "ada", "1")
	if !failure.Is(err, failure.Unauthorized) {
		t.Errorf("it ends with %v", err)
	}
}
