package sandbox

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// layoutFile is where a state folder keeps a layout of its own, for whoever needs its credentials before a request. It can
// be read as any layout is. A folder with the presets has none.
const layoutFile = "layout.yaml"

// LayoutOf is what a state folder is furnished with, or will be when it is first used. The folder need not be there; "" is
// none. Its error is of code invalid.
func LayoutOf(dir string) (Layout, error) {
	if dir == "" {
		return DefaultLayout(), nil
	}
	path := filepath.Join(dir, layoutFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return DefaultLayout(), nil
	}
	var l Layout
	if err == nil {
		l, err = ReadLayout(bytes.NewReader(data))
	}
	if err != nil {
		return l, failure.Wrap(failure.Invalid, path, err).WithHint("`telematicsctl sandbox reset --all` goes back to the built-in layout")
	}
	return l, nil
}

// Settle makes the layout in Options that of the state folder, for every process that opens it later. An empty folder is
// furnished with it; it fails, of code invalid, where the folder is furnished otherwise.
func (s *Sandbox) Settle(ctx context.Context) error {
	is, err := s.Layout(ctx)
	if err != nil {
		return err
	}
	if !is.same(*s.options.Layout) {
		return failure.Newf(failure.Invalid, "the sandbox in %s is furnished with another layout", s.options.Dir).
			WithHint("`telematicsctl sandbox reset --layout FILE` empties it and furnishes it anew; --memory, or another TELEMATICSCTL_STATE_DIR, leaves it as it is")
	}
	path := filepath.Join(s.options.Dir, layoutFile)
	if is.IsDefault() {
		return ignoreMissing(os.Remove(path))
	}
	data, err := yaml.Marshal(is)
	if err == nil {
		err = atomicfile.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return unusable(s.options.Dir, err)
	}
	return nil
}

// IsDefault tells whether the layout is DefaultLayout.
func (l Layout) IsDefault() bool {
	preset := DefaultLayout()
	preset.check() // fills in what it leaves out
	return l.same(preset)
}

// same compares what would be written: a list that is empty and one that is not there are one.
func (l Layout) same(other Layout) bool {
	a, errA := yaml.Marshal(l)
	b, errB := yaml.Marshal(other)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Credentials are what one needs to be a client of a sandbox: its first instance, and its first admin.
type Credentials struct {
	InstanceID, InstanceKey   string
	AdminEmail, AdminPassword string
}

// Credentials are those of the layout, which has been checked.
func (l Layout) Credentials() Credentials {
	c := Credentials{AdminEmail: l.Admins[0].Email, AdminPassword: l.Admins[0].Password}
	for _, company := range l.Companies {
		for _, application := range company.Applications {
			for _, i := range application.Instances {
				if c.InstanceID == "" {
					c.InstanceID, c.InstanceKey = i.ID, i.Key
				}
			}
		}
	}
	return c
}
