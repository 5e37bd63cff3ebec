package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
)

const ownLayout = `
Companies:
- {Id: 00000000-0000-4000-8000-00000000000C, Name: Own, Applications: [{Id: 00000000-0000-4000-8000-00000000000A,
	Name: App, Instances: [
    {Id: 00000000-0000-4000-8000-000000000001, Key: 00000000-0000-4000-8000-0000000000F1}]}]}
Admins:
- {Email: Zoe@example.com, Password: one, Companies: [00000000-0000-4000-8000-00000000000c], Instances: []}
- {Email: adam@example.com, Password: two, Instances: [00000000-0000-4000-8000-000000000001]}
`

func TestASettledLayoutIsThatOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	own, err := seed.ReadLayout(strings.NewReader(ownLayout))
	if err != nil {
		t.Fatal(err)
	}
	want := seed.Credentials{
		InstanceID: "00000000-0000-4000-8000-000000000001", InstanceKey: "00000000-0000-4000-8000-0000000000f1",
		AdminEmail: "Zoe@example.com", AdminPassword: "one",
	}
	credentials := func() seed.Credentials {
		t.Helper()
		l, err := sandbox.LayoutOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		return l.Credentials()
	}
	if got := credentials(); got.InstanceID != sandbox.InstanceID || got.AdminPassword != sandbox.AdminPassword {
		t.Errorf("a folder that is empty: %+v", got)
	}
	settle := func(l seed.Layout) error {
		t.Helper()
		return newWorld(t, sandbox.Options{Dir: dir, Layout: &l}).box.Settle(t.Context())
	}
	for range 2 { // the second time, it is there already
		if err := settle(own); err != nil {
			t.Fatal(err)
		}
	}
	if got := credentials(); got != want {
		t.Errorf("got %+v", got)
	}
	if err := settle(seed.DefaultLayout()); !failure.Is(err, failure.Invalid) {
		t.Errorf("another layout: %v", err)
	}

	// Whoever opens the folder without a layout has the folder's, after a reset too.
	w := newWorld(t, sandbox.Options{Dir: dir})
	in := headers{"InstanceId": want.InstanceID, "InstanceKey": want.InstanceKey}
	w.do(t, "POST", "/v1/Registration/create", in, `{}`).want(t, 200)
	if err := w.box.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.do(t, "POST", "/v1/Registration/create", in, `{}`).want(t, 200)
	w.do(t, "POST", "/v1/Registration/create", theInstance, `{}`).want(t, 401)
}

func TestALayoutFileThatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "layout.yaml"), []byte("Companies: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sandbox.Open(sandbox.Options{Dir: dir})
	if !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), "layout.yaml") ||
		!failure.HasReason(err, sandbox.ReasonLayoutFile) {
		t.Errorf("got %v", err)
	}
	preset := seed.DefaultLayout()
	if err := newWorld(t, sandbox.Options{Dir: dir, Layout: &preset}).box.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "layout.yaml")); !os.IsNotExist(err) {
		t.Errorf("the built-in layout needs no file: %v", err)
	}
}
