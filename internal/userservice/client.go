// Package userservice is the API of the user service: one typed method a call, the envelope, typed errors. It knows HTTP
// and the service's rules, and nothing of the command line, of where tokens rest or of who is signed in.
//
// All that is known of the service stands in docs/service.md, each fact with its mark: seed, live, client or assumed.
package userservice

import (
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

// The published base URLs (live).
const (
	DefaultUserURL     = "https://user.telematicssdk.com"
	DefaultAccountsURL = "https://accounts.telematicssdk.com"
	DefaultPortalURL   = "https://portal-apis.telematicssdk.com"
)

// What nobody has published, and this program therefore assumes; each can be overridden (docs/service.md).
const (
	DefaultRegisterMultiplePath = "/v1/Registration/CreateMultiple"
	LargestBatch                = 100 // users in one call of RegisterMany
)

// DefaultTimeout is the time that one try of a call may take.
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
	UserURL              string            // base URL of the user host
	RegisterMultiplePath string            // the path of «register many users at once» (assumed)
	Transport            http.RoundTripper // what carries the requests; http.DefaultTransport where nil
	Timeout              time.Duration     // for one try of a call; DefaultTimeout where 0
	UserAgent            string
	Trace                io.Writer // where each request and answer is shown, its secrets cut out; nowhere where nil
	Retry                Retry
	NewRequestID         func() string // a UUID where nil
	KeyHint              func() string // says how the InstanceKey is put right, for hints; may be nil, or give ""
}

// Client calls the service. It is safe for use by many goroutines and holds nothing that must be closed but its transport.
type Client struct {
	transport http.RoundTripper // never an http.Client: a redirect is an answer like another, so that no credential follows one to another host
	trace     bool              // the transport shows what goes through it
	user      string
	multiple  string
	timeout   time.Duration
	userAgent string
	retry     Retry
	requestID func() string
	keyHint   func() string

	authorizer Authorizer // nil: calls that need a JWT fail
}

// New makes a client. It sends nothing yet. The error is failure.Invalid for a base URL that is none, or that is plain
// http to anything but this machine.
func New(o Options) (*Client, error) {
	user, err := CheckURL(withDefault(o.UserURL, DefaultUserURL))
	if err != nil {
		return nil, err
	}
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	if o.Trace != nil {
		transport = &tracer{next: transport, out: o.Trace, now: time.Now}
	}
	c := &Client{
		transport: transport,
		trace:     o.Trace != nil,
		user:      user,
		multiple:  withDefault(o.RegisterMultiplePath, DefaultRegisterMultiplePath),
		timeout:   o.Timeout,
		userAgent: withDefault(o.UserAgent, "telematicsctl"),
		retry:     o.Retry.withDefaults(),
		requestID: o.NewRequestID,
		keyHint:   o.KeyHint,
	}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if c.requestID == nil {
		c.requestID = newRequestID
	}
	return c, nil
}

// Host is the base URL that pairs of tokens belong to: one that it issued must never be sent to another.
func (c *Client) Host() string { return c.user }

// CheckURL holds a base URL to the rule: absolute, https or (only to this machine) http, no user information, no query.
// It returns the URL without a slash at its end.
func CheckURL(base string) (string, error) {
	u, err := url.Parse(base)
	switch {
	case strings.Contains(base, "@"):
		return "", failure.New(failure.Invalid, "a base URL may hold no user and no password (its value is not shown)")
	case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
		return "", failure.Newf(failure.Invalid, "the base URL %q is not an absolute http or https URL", base)
	case u.RawQuery != "" || u.Fragment != "":
		return "", failure.Newf(failure.Invalid, "the base URL of %s may have neither query nor fragment", u.Host)
	case u.Scheme == "http" && !IsLoopback(u.Hostname()):
		return "", failure.Newf(failure.Invalid, "the base URL %q is plain http: it would send secrets in the clear", base).
			WithHint("use https; plain http is for a loopback address alone")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// newRequestID is a UUID from the process's fast generator: it names a call in logs and guards nothing.
func newRequestID() string {
	var b uuid.UUID
	binary.NativeEndian.PutUint64(b[:8], rand.Uint64()) //nolint:gosec // a name for logs, not a secret
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // a name for logs, not a secret
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80         // version 4
	return b.String()
}

func withDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
