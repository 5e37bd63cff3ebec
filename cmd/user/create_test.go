package user

import (
	"context"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// The names of the flags are a contract with scripts: they never change, and a new field
// of the service adds one.
func TestEveryFieldIsAFlag(t *testing.T) {
	want := "first-name last-name nickname phone email gender birthday marital-status children-count country " +
		"district city address status image-url " +
		"instance-invite-code custom-token client-id tracking logging realtime enabled data create-access-token no-validate"
	c := newCreate(&cmdutil.App{}, nil)
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

// Parsing without running: a flag that was not given says nothing, not even its default.
func TestOnlyFlagsThatWereGivenAreTaken(t *testing.T) {
	var got createOptions
	parse := func(args ...string) {
		got = createOptions{}
		c := newCreate(&cmdutil.App{}, func(_ context.Context, o createOptions) error { got = o; return nil })
		c.SetArgs(args)
		if err := c.ExecuteContext(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	parse()
	if len(got.given) != 0 || got.accessToken != nil || got.data != "" {
		t.Errorf("nothing was given, and %+v was taken", got)
	}
	parse("--first-name=", "--tracking", "off", "--create-access-token=false", "--data", "-")
	if text, ok := got.given[field.MustGet("FirstName")]; !ok || text != "" ||
		got.given[field.MustGet("EnableTracking")] != "off" || len(got.given) != 2 {
		t.Errorf("given: %v", got.given)
	}
	if got.accessToken == nil || *got.accessToken || got.data != "-" {
		t.Errorf("%+v", got)
	}
}
