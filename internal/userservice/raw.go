package userservice

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// RawCall is any call of the service, for what has no method of its own.
type RawCall struct {
	Method string
	Host   Host              // HostUser where empty
	Path   string            // with the query, or a full URL of one of the configured hosts
	Header map[string]string // besides what every call has
	Body   []byte
	// ShowSecrets leaves the secrets in the answer.
	ShowSecrets bool
}

// RawAnswer is the service's answer as it came, secrets redacted unless they were asked for.
type RawAnswer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Call makes any call, and returns the answer as it came, that of a failure too, with the error
// that it means. GET and HEAD are retried, others are sent once.
func (c *Client) Call(ctx context.Context, as Caller, r RawCall) (RawAnswer, error) {
	host, path, err := c.Resolve(r.Host, r.Path)
	if err != nil {
		return RawAnswer{}, err
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	var answer RawAnswer
	cl := call{name: r.Method + " " + path, method: r.Method, host: host, path: path, body: r.Body, changes: !read,
		raw: &answer, showSecrets: r.ShowSecrets}
	if read {
		cl.retry = always
	}
	if len(r.Body) > 0 {
		cl.contentType = jsonType
	}
	for name, value := range r.Header {
		if strings.EqualFold(name, "Content-Type") {
			cl.contentType = value
			continue
		}
		cl.header = append(cl.header, header{http.CanonicalHeaderKey(name), value})
	}
	if !c.NeedsJWT(r) {
		if as.Self != nil {
			cl.header = append(cl.header, as.Self.header()...)
			cl.secrets = append(cl.secrets, as.Self.Key)
		}
		return answer, c.do(ctx, cl)
	}
	err = c.doAs(ctx, as, cl)
	return answer, err
}

// What the paths of calls without a JWT begin with, in lower case.
const (
	registrationPath = "/v1/registration/"
	authPath         = "/v1/auth/"
	signInPath       = authPath + "login"
)

// NeedsJWT reports whether a call is authorized by a JWT, as all are but registrations, which have
// the headers of the instance (Caller.Self), and those that get one.
func (c *Client) NeedsJWT(r RawCall) bool { return !c.Registers(r) && !c.isUnder(r, authPath) }

// Registers reports whether a call registers users.
func (c *Client) Registers(r RawCall) bool { return c.isUnder(r, registrationPath) }

// SignsIn reports whether a call is a sign-in, of which the service takes few.
func (c *Client) SignsIn(r RawCall) bool { return c.isUnder(r, signInPath) }

func (c *Client) isUnder(r RawCall, prefix string) bool {
	host, path, err := c.Resolve(r.Host, r.Path)
	return err == nil && (host == "" || host == HostUser) && strings.HasPrefix(strings.ToLower(path), prefix)
}

// Resolve returns the host and path of a path or of a full URL. A URL of none of the configured
// hosts is refused, so that a JWT cannot be sent to another host.
func (c *Client) Resolve(h Host, path string) (Host, string, error) {
	if h != "" && c.bases[h] == "" {
		return "", "", failure.Newf(failure.Invalid, "unknown host %q", string(h))
	}
	if strings.HasPrefix(path, "/") {
		if u, err := url.Parse(path); err != nil || strings.HasPrefix(path, "//") || u.Host != "" {
			return "", "", failure.Newf(failure.Invalid, "invalid path %q: must begin with one / and name no host", path)
		}
		return h, path, nil
	}
	u, err := url.Parse(path)
	if err != nil || u.Host == "" {
		return "", "", failure.Newf(failure.Invalid, "the path %q must begin with /", path)
	}
	for _, host := range []Host{HostUser, HostAccounts, HostPortal, HostStatistics, HostDeviceStatus} {
		if rest, ok := strings.CutPrefix(path, c.bases[host]); ok && strings.HasPrefix(rest, "/") && (h == "" || h == host) {
			return host, rest, nil
		}
	}
	return "", "", failure.Newf(failure.Invalid, "%s is not one of the configured hosts",
		u.Host).Because(ReasonForeignHost, u.Host)
}
