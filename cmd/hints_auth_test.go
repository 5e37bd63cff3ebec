package cmd_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// hintedCommand finds the commands in a hint.
var hintedCommand = regexp.MustCompile("`telematicsctl ([^`]+)`")

// A 403 says whose JWT was used, where it came from, and whose is needed.
func TestHintOfA403(t *testing.T) {
	t.Parallel()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	for name, c := range map[string]struct {
		reason  failure.Reason
		subject string
		want    string
	}{
		"a user's":   {auth.ReasonForbiddenUser, user, "the JWT of user " + user + " was used, and an admin's is needed: sign in with `"},
		"an admin's": {auth.ReasonForbiddenAdmin, auth.Admin, "the JWT of the admin was used, and one of an admin with rights to this user or instance is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantIn(t, (&cmdutil.App{}).Hint(&failure.Error{Reason: c.reason, Subject: c.subject}), c.want)
		})
	}
}

// Each reason of internal/auth has a hint, and a command in it is one that the command tree knows, with the profile and
// the file that were given. The script hints-are-runnable runs those that can succeed.
func TestHintsOfSignInAreCommands(t *testing.T) {
	t.Parallel()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	h := newHouse(t, answering("", 0))
	for _, c := range []struct {
		reason  failure.Reason
		subject string
		names   string // a command that must be in the hint
	}{
		{auth.ReasonSignedOut, auth.Admin, "auth login"},
		{auth.ReasonSignedOut, user, "auth login --device-token " + user},
		{auth.ReasonEnvToken, user, ""},
		{auth.ReasonForbiddenUser, user, "auth login"},
		{auth.ReasonForbiddenAdmin, auth.Admin, "auth login"},
		{auth.ReasonNewTokenRefused, user, "auth login --device-token " + user},
		{auth.ReasonPassword, keptEmail, "auth login --email " + keptEmail},
		{auth.ReasonEnvPassword, keptEmail, "auth login --email " + keptEmail + " --password-stdin"},
		{auth.ReasonSavedPassword, keptEmail, "auth login --email " + keptEmail + " --save-password"},
		{auth.ReasonUserSignIn, user, "token remove " + user},
		{auth.ReasonRefusedBefore, user, "token refresh " + user},
		{auth.ReasonAnswerLost, user, ""},
		{auth.ReasonTokensLost, user, ""},
		{auth.ReasonSignInLimit, h.url, ""},
		{auth.ReasonBlocked, h.url, ""},
		{auth.ReasonGuardDamaged, h.url, ""},
		{auth.ReasonGuardNewer, "/state/sign-ins", ""},
		{auth.ReasonManySignIns, auth.Admin, "auth login"},
	} {
		app := &cmdutil.App{}
		app.Flags.Profile = "fleet"
		hint := app.Hint(&failure.Error{Reason: c.reason, Subject: c.subject, RetryAfter: time.Minute})
		if hint == "" {
			t.Errorf("%s has no hint", c.reason)
		}
		commands := hintedCommand.FindAllStringSubmatch(hint, -1)
		named := false
		for _, found := range commands {
			named = named || strings.HasPrefix(found[1], c.names)
			if !strings.HasSuffix(found[1], " --profile fleet") {
				t.Errorf("%s: %q does not name the profile", c.reason, found[1])
			}
			h.tell(t, 0, found[1]+" --help", "")
		}
		if c.names != "" && !named {
			t.Errorf("%s: %q is not in %q", c.reason, c.names, hint)
		}
	}
}
