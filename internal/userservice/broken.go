package userservice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// broken returns the error for an attempt that ended without a whole answer.
func (c *Client) broken(parent, ctx context.Context, cl *call, u *url.URL, err error, sent bool) *failure.Error {
	e := &failure.Error{Code: failure.Unavailable, Cause: err, MayHaveApplied: sent && cl.changes}
	var own *failure.Error
	switch {
	case parent.Err() != nil:
		e.Code, e.Message = failure.Interrupted, cl.name+": interrupted"
		if errors.Is(parent.Err(), context.DeadlineExceeded) {
			e.Code, e.Message = failure.Unavailable, cl.name+": out of time"
		}
		e.Cause = parent.Err()
	case errors.Is(context.Cause(ctx), errTimeout):
		e.Cause, e.Message = errTimeout, cl.name+": no answer within "+c.timeout.String()
		e.Reason, e.Subject = ReasonTimeout, c.timeout.String()
	case errors.As(err, &own): // the transport's, which sent nothing: the local sandbox cannot be had
		e.Code, e.Reason, e.Subject = own.Code, own.Reason, own.Subject
		e.Message = cl.name + ": " + cl.redact(own.Error())
		e.MayHaveApplied, e.Permanent = false, true
	default:
		reason, subject, why := diagnose(err, u.Host)
		e.Message = cl.name + ": no answer: " + cl.redact(why)
		e.Reason, e.Subject = reason, subject
		var proxy *proxyError
		e.Permanent = neverBetter[reason] || errors.As(err, &proxy) && proxy.status < 500
	}
	return e
}

// Diagnose returns the error of a request that no answer came to, for a request that was made
// without a client: its code, its reason and what it says are those of a call.
func Diagnose(ctx context.Context, err error, host string) *failure.Error {
	if ctx.Err() != nil {
		return failure.New(failure.Unavailable, "no answer in time").Because(ReasonNoConnection, host)
	}
	reason, subject, why := diagnose(err, host)
	return (&failure.Error{Code: failure.Unavailable, Message: "no answer: " + why, Cause: err}).Because(reason, subject)
}

// neverBetter are the reasons for which another attempt ends like the last.
var neverBetter = map[failure.Reason]bool{
	ReasonCertificate: true, ReasonCertificateName: true, ReasonCertificateTime: true, ReasonTLS: true,
}

// diagnose says in words why a connection failed, for which reason, and what that is about.
func diagnose(err error, host string) (reason failure.Reason, subject, why string) {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		roots     x509.SystemRootsError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		proxy     *proxyError
		op        *net.OpError
	)
	switch {
	case errors.As(err, &proxy):
		return ReasonProxy, proxy.proxy, proxy.Error()
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return ReasonProxy, dialed(op), "the proxy cannot be reached: " + failure.Text(op.Err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ReasonCertificateTime, host, "its certificate has expired or is not valid yet, by the clock of this machine"
	case errors.As(err, &name):
		return ReasonCertificateName, host, "its certificate is for another host" + namesOf(name)
	case errors.As(err, &authority), errors.As(err, &roots), errors.As(err, &invalid), errors.As(err, &verify):
		return ReasonCertificate, host, "its certificate is not trusted here" + whyUntrusted(err)
	case errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return ReasonTLS, host, "it does not accept TLS as it is spoken here" + whyNoTLS(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ReasonNoConnection, host, "the connection broke in the middle of it"
	case errors.Is(err, io.EOF):
		return ReasonNoConnection, host, "the connection was closed"
	}
	return ReasonNoConnection, host, failure.Text(err)
}

// namesOf returns the hosts that a certificate is for, in parentheses.
func namesOf(err x509.HostnameError) string {
	names := err.Certificate.DNSNames
	for _, ip := range err.Certificate.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return ""
	}
	return " (it is for " + strings.Join(names[:min(len(names), mostNames)], ", ") + ")"
}

// mostNames is how many names of a certificate a message shows.
const mostNames = 5

func whyUntrusted(err error) string {
	var authority x509.UnknownAuthorityError
	var roots x509.SystemRootsError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &roots):
		return ": this machine has no certificates to check it by"
	case errors.As(err, &authority) && authority.Cert != nil && authority.Cert.Issuer.CommonName != "":
		return ": it is signed by " + strconv.Quote(authority.Cert.Issuer.CommonName) + ", which is unknown"
	case errors.As(err, &authority):
		return ": it is signed by an unknown authority"
	case errors.As(err, &invalid):
		return ": it does not fit its use"
	}
	return ""
}

func whyNoTLS(err error) string {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return ": it answers without TLS"
	case errors.As(err, &alert):
		return ": it sends the TLS alert " + strconv.Itoa(int(alert))
	}
	return ""
}

// dialed is the address of a proxy that cannot be reached; "" where it is not known.
func dialed(op *net.OpError) string {
	var dial *net.OpError
	if errors.As(op.Err, &dial) && dial.Addr != nil {
		return dial.Addr.String()
	}
	return ""
}

// proxyError is a proxy's refusal to make a tunnel to the service.
type proxyError struct {
	proxy  string // its host
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy %s refuses the connection: %d %s", e.proxy, e.status, http.StatusText(e.status))
}

// checkProxyAnswer turns a proxy's refusal into an error that says so.
func checkProxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy.Host, resp.StatusCode}
}
