package failure_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The contract with scripts: these numbers never change.
func TestExitStatuses(t *testing.T) {
	want := map[failure.Code]int{
		"failed": 1, "invalid": 2, "unauthorized": 3, "not_found": 4, "partial": 5, "rate_limited": 6,
		"unavailable": 7, "rejected": 8, "interrupted": 130, "something else": 1,
	}
	for code, exit := range want {
		if got := code.Exit(); got != exit {
			t.Errorf("%s exits %d, want %d", code, got, exit)
		}
	}
}

func TestFromKeepsWhatIsKnown(t *testing.T) {
	inner := failure.New(failure.NotFound, "no such user").WithHint("look again")
	wrapped := fmt.Errorf("row 3: %w", inner)
	if got := failure.From(wrapped); got != inner {
		t.Errorf("From lost the error inside: %v", got)
	}
	for code, err := range map[failure.Code]error{
		failure.Interrupted: fmt.Errorf("x: %w", context.Canceled),
		failure.Unavailable: fmt.Errorf("x: %w", context.DeadlineExceeded),
		failure.Failed:      errors.New("x"),
	} {
		if got := failure.CodeOf(err); got != code {
			t.Errorf("%v is %q, want %q", err, got, code)
		}
	}
	if failure.From(nil) != nil || failure.CodeOf(nil) != "" {
		t.Error("no error became one")
	}
}

func TestErrorNamesEveryField(t *testing.T) {
	err := failure.InvalidFields("the user is not valid", []failure.Field{{Key: "Email",
		Message: `"x" is not an address`}, {Key: "Phone", Message: "empty"}})
	want := `the user is not valid: Email: "x" is not an address; Phone: empty`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if failure.InvalidFields("x", nil) != nil {
		t.Error("no mistakes became an error")
	}
}
