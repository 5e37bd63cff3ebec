package cmd_test

import (
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
)

// misspelled has each flag and argument that takes one of a few words, with one that is
// misspelled and the word that was meant.
var misspelled = []struct{ line, meant string }{
	{"user list -o jsn", "json"},
	{"user list --columns Nmae", "Name"},
	{"user list --sort DateCreatedDsc", "DateCreatedDesc"},
	{"user list --activity-status Actve", "Active"},
	{"user list --os andriod", "android"},
	{"user list --without OsTyp", "MobileDevice.OsType"},
	{"user find --last-name x --os andriod", "android"},
	{"user get client:c-1 --as admn", "admin"},
	{"user explain client:c-1 --as admn", "admin"},
	{"user update client:c-1 --city Bonn --as admn", "admin"},
	{"user set-tracking on client:c-1 --as admn", "admin"},
	{"user update client:c-1 --gender Femal", "Female"},
	{"user create --gender Femal", "Female"},
	{"user create --status Actve", "Active"},
	{"user bulk --file users.csv --format jsno", "json"},
	{"user bulk --file users.csv --progress plian", "plain"},
	{"user bulk --quantity 1 --set Contry=DE", "Country"},
	{"user bulk --file users.csv --key emial", "email"},
	{"user bulk --file users.csv --map A=Emial", "Email"},
	{"user plan --file users.csv --absent delte", "delete"},
	{"user plan --file users.csv --blank clear", "clears"},
	{"profile add x --instance-id 5a4db0c5-0000-4000-8000-000000000001 --token-store keyrng", "keyring"},
	{"api GTE /v1/x", "GET"},
	{"api GET /v1/x --host portl", "portal"},
	{"sandbox serve --log-format jsn", "json"},
	{"user lst", "list"},
	{"usr list", "user"},
	{"user list --colums Name", "--columns"},
	{"help usr", "user"},
}

func TestAMisspelledWordHasTheNearest(t *testing.T) {
	t.Parallel()
	s := newScreen(t, 80)
	for _, c := range misspelled {
		t.Run(c.line, func(t *testing.T) {
			out := s.show(t, strings.ReplaceAll(c.line, "users.csv", "drivers.csv"))
			if !strings.Contains(out, "=> 2\n") || !strings.Contains(out, "did you mean "+c.meant) {
				t.Errorf("no word of %s:\n%s", c.meant, out)
			}
		})
	}
}

// Every flag of the tree that completes with a few words is in that list.
func TestEveryListOfWordsHasTheNearest(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{
		// on and off have many spellings, which differ by one letter; the values of --if-exists and
		// --device-token are tested above
		"rtd": true, "tracking": true, "logging": true, "realtime": true, "enabled": true, "protected": true,
		"if-exists": true, "device-token": true,
		// lists of columns: tested as user list --columns
		"columns": true, "fields": true,
		"jwt-form": true, // a year
	}
	for _, c := range misspelled {
		for _, word := range strings.Fields(c.line) {
			if name, ok := strings.CutPrefix(word, "--"); ok {
				tested[name] = true
			}
		}
	}
	eachCommand(func(c *cobra.Command) {
		if !c.HasParent() {
			cmdutil.CompleteRest(c, &cmdutil.App{})
		}
		c.SetContext(context.WithoutCancel(t.Context()))
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			complete, ok := c.GetFlagCompletionFunc(f.Name)
			if !ok || f.Value.Type() == "bool" || tested[f.Name] {
				return
			}
			if strings.HasPrefix(f.Name, "device-token") || f.Name == "token" || f.Name == "as-user" {
				return // DeviceTokens
			}
			if words, _ := complete(c, nil, ""); len(words) > 0 {
				t.Errorf("%s --%s takes %s: a misspelled one is not tested", c.CommandPath(), f.Name, words)
			}
		})
	})
}
