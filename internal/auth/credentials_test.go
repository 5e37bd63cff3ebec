package auth_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/auth"
)

func TestHasAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		source *auth.Source
		want   bool
	}{"a password": {w.admin(), true}, "nothing": {w.person(), false}} {
		if has, err := c.source.HasAdmin(t.Context()); has != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, has, err)
		}
	}
	w.signIn(t)
	if has, err := w.person().HasAdmin(t.Context()); !has || err != nil {
		t.Errorf("tokens: %v, %v", has, err)
	}
}
