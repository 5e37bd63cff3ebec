package cmd_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// A 403 says whose JWT was used, where it came from, and whose is needed.
func TestHintOfA403(t *testing.T) {
	t.Parallel()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	for name, c := range map[string]struct {
		reason  failure.Reason
		subject string
		want    string
	}{
		"a user's": {auth.ReasonForbiddenUser, user,
			"the JWT of user " + user + " was used, and an admin's is needed: sign in with `"},
		"an admin's": {auth.ReasonForbiddenAdmin, auth.Admin,
			"the JWT of the admin was used, and one of an admin with rights to this user or instance is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantIn(t, (&cmdutil.App{}).Hint(&failure.Error{Reason: c.reason, Subject: c.subject}), c.want)
		})
	}
}
