// Package userservice is the API of the user service: one typed method a call, the envelope,
// typed errors. It knows HTTP and the service's rules, and nothing of the command line, of where
// tokens rest or of who is signed in.
//
// All that is known of the service stands in docs/service.md, each fact with its mark: seed,
// live, client or assumed.
package userservice

import (
	"cmp"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Host is one of the service's hosts.
type Host string

// The hosts. HostUser serves registration, sign-in and user management.
const (
	HostUser         Host = "user"
	HostAccounts     Host = "accounts"
	HostPortal       Host = "portal"
	HostStatistics   Host = "statistics"
	HostDeviceStatus Host = "device"
)

// The published base URLs (live; that of device status old).
const (
	DefaultUserURL         = "https://user.telematicssdk.com"
	DefaultAccountsURL     = "https://accounts.telematicssdk.com"
	DefaultPortalURL       = "https://portal-apis.telematicssdk.com"
	DefaultStatisticsURL   = "https://api.telematicssdk.com"
	DefaultDeviceStatusURL = "https://mobilesdk.telematicssdk.com"
)

// What nobody has published, and this program therefore assumes; each can be overridden
// (docs/service.md).
const (
	DefaultRegisterMultiplePath = "/v1/Registration/CreateMultiple"
	LargestBatch                = 100 // users in one call of RegisterMany
)

// registerPath is the path of register one user (seed, live).
const registerPath = "/v1/Registration/create"

// DefaultTimeout is the time that one attempt of a call may take.
const DefaultTimeout = 30 * time.Second

// LargestAnswer is the most bytes of an answer that are read.
const LargestAnswer = 32 << 20

// Instance is the credentials of one instance.
type Instance struct {
	ID  string // InstanceId, a UUID
	Key secret.String
}

// Options say how a Client works. The zero value of each member is its default.
type Options struct {
	UserURL              string // base URLs of the hosts
	AccountsURL          string
	PortalURL            string
	StatisticsURL        string
	DeviceStatusURL      string
	InsecureHTTP         bool              // plain http is accepted to any host, for test networks
	RegisterMultiplePath string            // the path of register many users at once (assumed)
	Transport            http.RoundTripper // what carries the requests; http.DefaultTransport where nil
	Timeout              time.Duration     // for one attempt of a call; DefaultTimeout where 0
	UserAgent            string
	Trace                io.Writer // where each request and answer is shown, its secrets redacted; nowhere where nil
	Retry                Retry
	NewRequestID         func() string // a UUID where nil
}

// Client calls the service. It is safe for use by many goroutines and holds nothing that must be
// closed except its transport.
type Client struct {
	// transport is never an http.Client: a redirect is an answer like another, so that no
	// credential follows one to another host.
	transport   http.RoundTripper
	trace       bool // the transport shows what goes through it
	bases       map[Host]string
	registerURL *url.URL
	multiple    string
	timeout     time.Duration
	deadlines   *deadlines
	userAgent   []string
	retry       Retry
	requestID   func() string
	clock       *clock
	authorizer  Authorizer // nil: calls that need a JWT fail
}

// New makes a client. It sends nothing yet. The error is failure.Invalid for a base URL that is
// not one, or that is plain http to anything but this machine, and for a RegisterMultiplePath
// that is not a path.
func New(o Options) (*Client, error) {
	c := &Client{
		transport: o.Transport,
		trace:     o.Trace != nil,
		bases:     map[Host]string{},
		multiple:  cmp.Or(o.RegisterMultiplePath, DefaultRegisterMultiplePath),
		timeout:   o.Timeout,
		userAgent: []string{cmp.Or(o.UserAgent, "telematicsctl")},
		retry:     o.Retry.withDefaults(),
		requestID: o.NewRequestID,
		clock:     newClock(),
	}
	for _, at := range []struct {
		host           Host
		base, fallback string
	}{
		{HostUser, o.UserURL, DefaultUserURL},
		{HostAccounts, o.AccountsURL, DefaultAccountsURL},
		{HostPortal, o.PortalURL, DefaultPortalURL},
		{HostStatistics, o.StatisticsURL, DefaultStatisticsURL},
		{HostDeviceStatus, o.DeviceStatusURL, DefaultDeviceStatusURL},
	} {
		checked, err := CheckURL(cmp.Or(at.base, at.fallback), o.InsecureHTTP)
		if err != nil {
			return nil, err
		}
		c.bases[at.host] = checked
	}
	if err := CheckPath(c.multiple); err != nil {
		return nil, err
	}
	var err error
	if c.registerURL, err = url.Parse(c.bases[HostUser] + registerPath); err != nil {
		return nil, failure.Wrap(failure.Invalid, "the base URL", err)
	}
	if c.transport == nil {
		c.transport = http.DefaultTransport
	}
	if o.Trace != nil {
		c.transport = &tracer{next: c.transport, out: o.Trace, now: time.Now}
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	c.deadlines = &deadlines{timeout: c.timeout}
	if c.requestID == nil {
		c.requestID = newRequestID
	}
	return c, nil
}

// Host returns the base URL that pairs of tokens belong to: one that it issued must never be sent
// to another.
func (c *Client) Host() string { return c.bases[HostUser] }

func (c *Client) base(h Host) string { return c.bases[cmp.Or(h, HostUser)] }

// Once returns the client, except that it sends each call once: for callers who retry by a rule
// of their own.
func (c *Client) Once() *Client {
	once := *c
	once.retry.Tries = 1
	return &once
}

// CheckURL returns a base URL without a slash at its end. It must be absolute, https or (only to
// this machine, or with insecure) http, and without user information and query.
func CheckURL(base string, insecure bool) (string, error) {
	u, err := url.Parse(base)
	switch {
	case strings.Contains(base, "@"):
		return "", failure.New(failure.Invalid, "a base URL may hold no user and no password (its value is not shown)")
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return "", failure.Newf(failure.Invalid, "the base URL %q is not an absolute http or https URL", base)
	case u.RawQuery != "" || u.Fragment != "":
		return "", failure.Newf(failure.Invalid, "the base URL of %s may have neither query nor fragment", u.Host)
	case u.Scheme == "http" && !insecure && !IsLoopback(u.Hostname()):
		return "", failure.Newf(failure.Invalid, "the base URL %q is plain http: it would send secrets in the clear", base).
			Because(ReasonPlainHTTP, base)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// CheckPath holds RegisterMultiplePath to being a path on the user host.
func CheckPath(path string) error {
	u, err := url.Parse(path)
	if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\@") ||
		u.Host != "" || u.Scheme != "" || u.RawQuery != "" || u.Fragment != "" {
		return failure.Newf(failure.Invalid, "register_multiple_path %q must be a path of the user host, such as %s",
			path, DefaultRegisterMultiplePath).
			Because(ReasonRegisterMultiple, path)
	}
	return nil
}

// newRequestID is a UUID from the process's fast generator: it names a call in logs and guards
// nothing.
func newRequestID() string {
	var b uuid.UUID
	binary.NativeEndian.PutUint64(b[:8], rand.Uint64()) //nolint:gosec // a name for logs, not a secret
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // a name for logs, not a secret
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80         // version 4
	return b.String()
}
