package tokenstore

import (
	"context"
	"strings"

	"github.com/danieljoos/wincred"
	"github.com/zalando/go-keyring"
)

// system is Windows' Credential Manager.
type system struct{}

func newSystem(func(string) string) Backend { return system{} }

func (system) Get(service, user string) (string, error) { return keyring.Get(service, user) }

func (system) Set(service, user, secret string) error { return keyring.Set(service, user, secret) }

func (system) Delete(service, user string) error { return keyring.Delete(service, user) }

func (system) Limit(string, string) int { return windowsLimit }

// Users reads the names under which go-keyring stores: service:user.
func (system) Users(_ context.Context, service string) ([]string, error) {
	ours, err := wincred.FilteredList(service + ":*")
	if err != nil {
		return nil, err
	}
	users := make([]string, len(ours))
	for i, credential := range ours {
		users[i] = strings.TrimPrefix(credential.TargetName, service+":")
	}
	return users, nil
}

// State has nothing to ask: the Credential Manager is open as long as its user is signed in.
func (system) State(context.Context) error { return nil }
