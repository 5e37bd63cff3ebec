//go:build !windows && !darwin

package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

// The names of the Secret Service on the bus (freedesktop.org, Secret Service API 0.2).
const (
	secretsName    = "org.freedesktop.secrets"
	secretsPath    = dbus.ObjectPath("/org/freedesktop/secrets")
	secretsService = "org.freedesktop.Secret.Service"
	collectionType = "org.freedesktop.Secret.Collection"
	itemType       = "org.freedesktop.Secret.Item"
	loginPath      = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	noObject       = dbus.ObjectPath("/")
	getProperty    = "org.freedesktop.DBus.Properties.Get"
)

// busVariable is where the library looks for the bus. Where it is empty, the library may run
// dbus-launch, whose daemons stay.
const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// system is the Secret Service on the user's session bus.
type system struct {
	getenv  func(string) string
	userDir string // the user's folder for sockets where XDG_RUNTIME_DIR does not say
}

func newSystem(getenv func(string) string) Backend {
	return system{getenv: getenv, userDir: "/run/user/" + strconv.Itoa(os.Getuid())}
}

func (system) Get(service, user string) (string, error) { return keyring.Get(service, user) }

func (system) Set(service, user, secret string) error { return keyring.Set(service, user, secret) }

func (system) Delete(service, user string) error { return keyring.Delete(service, user) }

func (system) Limit(string, string) int { return 0 }

// Items searches for what the library stores under the service, in the collection that the library
// uses. Nothing is unlocked for that.
func (s system) Items(ctx context.Context, service string) ([]string, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	collection, err := collectionInUse(ctx, conn)
	if err != nil {
		return nil, err
	}
	var items []string
	wanted := map[string]string{"service": service}
	err = conn.Object(secretsName, collection).CallWithContext(ctx, collectionType+".SearchItems", 0, wanted).Store(&items)
	return items, err
}

// Users asks each item for the attributes that the library gives it: all at once, as a thousand
// answers one after another take twice as long.
func (s system) Users(ctx context.Context, _ string, items []string) ([]string, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	answers := make(chan *dbus.Call, len(items))
	for _, item := range items {
		conn.Object(secretsName, dbus.ObjectPath(item)).GoWithContext(ctx, getProperty, 0, answers, itemType, "Attributes")
	}
	users := make([]string, 0, len(items))
	for range items {
		attributes := map[string]string{}
		switch err := storeProperty(<-answers, &attributes); {
		case isGone(err):
		case err != nil:
			return nil, err
		default:
			users = append(users, attributes["username"])
		}
	}
	return users, nil
}

// gone are the answers about an item that has been removed since it was found.
var gone = []string{
	"org.freedesktop.Secret.Error.NoSuchObject", "org.freedesktop.DBus.Error.UnknownObject",
	"org.freedesktop.DBus.Error.UnknownMethod",
}

func isGone(err error) bool {
	var answer dbus.Error
	return errors.As(err, &answer) && slices.Contains(gone, answer.Name)
}

// State looks for a bus, for the Secret Service on it and for the collection that the library uses,
// and asks whether that is locked.
func (s system) State(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := s.offered(ctx, conn); err != nil {
		return err
	}
	collection, err := collectionInUse(ctx, conn)
	if err != nil {
		return err
	}
	var locked bool
	if err := property(ctx, conn.Object(secretsName, collection), collectionType, "Locked", &locked); err != nil {
		return fmt.Errorf("the Secret Service does not answer: %w", err)
	}
	if locked {
		return ErrLocked
	}
	return nil
}

// connect opens a connection of our own, which the caller closes. The address of the bus goes into
// the process's environment, so that the library finds the same one and has no reason to launch
// another.
func (s system) connect(ctx context.Context) (*dbus.Conn, error) {
	address := s.address()
	if address == "" {
		return nil, errors.New("no D-Bus session bus")
	}
	if err := os.Setenv(busVariable, address); err != nil {
		return nil, err
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("the D-Bus session bus does not answer: %w", err)
	}
	return conn, nil
}

// address is the session bus's: the environment's, or the user's socket where one is there; "" for
// none.
func (s system) address() string {
	if a := s.getenv(busVariable); a != "" && a != "autolaunch:" {
		return a
	}
	for _, dir := range []string{s.getenv("XDG_RUNTIME_DIR"), s.userDir} {
		socket := filepath.Join(dir, "bus")
		if info, err := os.Stat(socket); dir != "" && err == nil && info.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dbus.EscapeBusAddressValue(socket)
		}
	}
	return ""
}

// offered reports whether anyone on the bus is the Secret Service; or, on a desktop, can be started
// by the bus as such. Without one a daemon that was started for us would stay, and with nobody to
// unlock it.
func (s system) offered(ctx context.Context, conn *dbus.Conn) error {
	var running bool
	if err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretsName).
		Store(&running); err != nil {
		return fmt.Errorf("the D-Bus session bus does not answer: %w", err)
	}
	if running {
		return nil
	}
	var startable []string
	if err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).
		Store(&startable); err != nil {
		return fmt.Errorf("the D-Bus session bus does not answer: %w", err)
	}
	switch {
	case !slices.Contains(startable, secretsName):
		return errors.New("the D-Bus session bus has no Secret Service (gnome-keyring, KWallet, KeePassXC)")
	case !s.onDesktop():
		return errors.New("the Secret Service is not running, and it is started only in a desktop session")
	}
	return nil
}

// onDesktop reports whether the process belongs to a desktop session of this machine.
func (s system) onDesktop() bool {
	return (s.getenv("WAYLAND_DISPLAY") != "" || s.getenv("DISPLAY") != "") && s.getenv("SSH_CONNECTION") == ""
}

// collectionInUse is the collection that the library reads and writes: the one named login, else
// the default.
func collectionInUse(ctx context.Context, conn *dbus.Conn) (dbus.ObjectPath, error) {
	secrets := conn.Object(secretsName, secretsPath)
	var all []dbus.ObjectPath
	if err := property(ctx, secrets, secretsService, "Collections", &all); err != nil {
		return "", fmt.Errorf("the Secret Service does not answer: %w", err)
	}
	if slices.Contains(all, loginPath) {
		return loginPath, nil
	}
	var path dbus.ObjectPath
	if err := secrets.CallWithContext(ctx, secretsService+".ReadAlias", 0, "default").Store(&path); err != nil {
		return "", fmt.Errorf("the Secret Service does not answer: %w", err)
	}
	if path == noObject {
		return "", errors.New("the Secret Service has no collection to store in")
	}
	return path, nil
}

// property reads one property of an object into value.
func property(ctx context.Context, object dbus.BusObject, iface, name string, value any) error {
	return storeProperty(object.CallWithContext(ctx, getProperty, 0, iface, name), value)
}

// storeProperty takes the value out of the answer to a call that asked for a property.
func storeProperty(answered *dbus.Call, value any) error {
	var v dbus.Variant
	if err := answered.Store(&v); err != nil {
		return err
	}
	return v.Store(value)
}
