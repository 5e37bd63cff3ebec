package user

import (
	"maps"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The names of the flags are a contract with scripts: they never change, and a new field
// of the service adds one.
func TestEveryFieldIsAFlag(t *testing.T) {
	want := "first-name last-name nickname phone email gender birthday marital-status children-count country " +
		"district city address status image-url " +
		"instance-invite-code custom-token client-id tracking logging realtime enabled data create-access-token no-validate"
	c := newCreate(&cmdutil.App{})
	for _, name := range strings.Fields(want) {
		if c.Flags().Lookup(name) == nil {
			t.Errorf("there is no --%s", name)
		}
	}
	for _, f := range field.All(field.Create) {
		if c.Flags().Lookup(f.Flag) == nil {
			t.Errorf("the field %s has no flag", f.Name)
		}
	}
}

// A flag that was not given says nothing, not even its default.
func TestOnlyFlagsThatWereGivenAreTaken(t *testing.T) {
	given := func(args ...string) map[*field.Field]string {
		c := &cobra.Command{}
		fields := addFieldFlags(c, field.All(field.Create))
		if err := c.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		return fields.given()
	}
	if got := given(); len(got) != 0 {
		t.Errorf("nothing was given, and %v was taken", got)
	}
	want := map[*field.Field]string{field.MustGet("FirstName"): "", field.MustGet("EnableTracking"): "off"}
	if got := given("--first-name=", "--tracking", "off"); !maps.Equal(got, want) {
		t.Errorf("given: %v, not %v", got, want)
	}
}
