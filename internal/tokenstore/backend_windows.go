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

// Items reads the names under which go-keyring stores: service:user.
func (system) Items(_ context.Context, service string) ([]string, error) {
	ours, err := wincred.FilteredList(service + ":*")
	if err != nil {
		return nil, err
	}
	items := make([]string, len(ours))
	for i, credential := range ours {
		items[i] = credential.TargetName
	}
	return items, nil
}

// Users has them in the names.
func (system) Users(_ context.Context, service string, items []string) ([]string, error) {
	users := make([]string, len(items))
	for i, item := range items {
		users[i] = strings.TrimPrefix(item, service+":")
	}
	return users, nil
}

// State has nothing to ask: the Credential Manager is open as long as its user is signed in.
func (system) State(context.Context) error { return nil }
