package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A Target is a host of the service.
type Target struct{ Name, URL string }

// Network checks the way to the hosts: one request to each, without credentials.
type Network struct {
	Targets   []Target
	Transport *http.Transport // with the proxy and the certificates that commands use
	UserAgent string
	Now       func() time.Time
	InProcess bool // the service is in this process: nothing goes over a network
}

// Thresholds.
const (
	slowAnswer      = 2 * time.Second
	clockWarning    = 30 * time.Second
	clockBroken     = 5 * time.Minute
	certificateSoon = 7 * 24 * time.Hour
)

// probe is what one request to a host has shown.
type probe struct {
	Target
	host      string // with the port, if there is one
	proxy     string // without credentials; "" for none
	addresses []string
	looked    bool // a name was looked up
	dnsErr    error
	signer    string // who signed the certificate; "" without TLS
	expires   time.Time
	latency   time.Duration
	status    int
	ahead     *time.Duration // how far the service's clock is ahead of ours
	err       *failure.Error
}

// Check returns the lines on proxy, DNS, TLS, hosts and clock.
func (n *Network) Check() Check {
	return Check{Name: "network", Title: "Network", Run: n.run}
}

func (n *Network) run(ctx context.Context) []Finding {
	if n.InProcess {
		return Check{Name: "network", Title: "Network"}.good("not used: the service is in this process")
	}
	probes := make([]probe, len(n.Targets))
	var wait sync.WaitGroup
	for i, t := range n.Targets {
		wait.Go(func() { probes[i] = n.probe(ctx, t) })
	}
	wait.Wait()
	found := slices.Concat(proxyLine(probes), dnsLine(probes), n.tlsLine(probes))
	for _, p := range probes {
		found = append(found, p.line()...)
	}
	return append(found, clockLine(probes)...)
}

func (n *Network) probe(ctx context.Context, t Target) probe {
	p := probe{Target: t}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.URL+"/", http.NoBody)
	if err != nil {
		p.err = failure.Wrap(failure.Invalid, "the base URL", errors.Unwrap(err))
		return p
	}
	p.host = request.URL.Host
	request.Header.Set("User-Agent", n.UserAgent)
	if proxy, err := n.Transport.Proxy(request); err == nil && proxy != nil {
		p.proxy = proxy.Scheme + "://" + proxy.Host
	}
	request = request.WithContext(httptrace.WithClientTrace(ctx, p.trace()))
	begun := n.Now()
	answer, err := n.Transport.RoundTrip(request)
	p.latency = n.Now().Sub(begun)
	if err != nil {
		p.err = userservice.Diagnose(ctx, err, p.host)
		p.certificateOf(err)
		return p
	}
	_ = answer.Body.Close()
	p.status = answer.StatusCode
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		// The header has whole seconds, and was written about half way between question and answer.
		ahead := date.Add(500 * time.Millisecond).Sub(n.Now().Add(-p.latency / 2))
		p.ahead = &ahead
	}
	return p
}

// trace notes what happens on the way.
func (p *probe) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(i httptrace.DNSDoneInfo) {
			p.looked, p.dnsErr = true, i.Err
			for _, a := range i.Addrs {
				p.addresses = append(p.addresses, a.String())
			}
		},
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			if err != nil || len(s.PeerCertificates) == 0 {
				return
			}
			p.signer, p.expires = signerOf(s.PeerCertificates[0]), s.PeerCertificates[0].NotAfter
			if len(s.VerifiedChains) > 0 {
				chain := s.VerifiedChains[0]
				if root := nameOf(chain[len(chain)-1].Subject.CommonName, chain[len(chain)-1].Subject.Organization); root !=
					p.signer {
					p.signer += ", root " + root
				}
			}
		},
	}
}

// certificateOf takes the signer from the error of a certificate that was refused.
func (p *probe) certificateOf(err error) {
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &verify) && len(verify.UnverifiedCertificates) > 0:
		p.signer = signerOf(verify.UnverifiedCertificates[0])
	case errors.As(err, &authority) && authority.Cert != nil:
		p.signer = signerOf(authority.Cert)
	}
}

func signerOf(c *x509.Certificate) string { return nameOf(c.Issuer.CommonName, c.Issuer.Organization) }

func nameOf(common string, organization []string) string {
	o := strings.Join(organization, " ")
	switch {
	case o == "" || o == common:
		return common
	case common == "":
		return o
	}
	return common + " (" + o + ")"
}

// proxyLine says which hosts are reached through which proxy.
func proxyLine(probes []probe) []Finding {
	c := Check{Name: "proxy", Title: "Proxy"}
	through := map[string][]string{}
	for _, p := range probes {
		if p.proxy != "" {
			through[p.proxy] = append(through[p.proxy], p.Name)
		}
		if p.err != nil && p.err.Reason == userservice.ReasonProxy {
			return c.broken(p.err)
		}
	}
	if len(through) == 0 {
		return c.good("none")
	}
	var parts []string
	for proxy, hosts := range through {
		parts = append(parts, proxy+" for "+strings.Join(hosts, ", "))
	}
	slices.Sort(parts)
	return c.good(strings.Join(parts, "; "))
}

func dnsLine(probes []probe) []Finding {
	c := Check{Name: "dns", Title: "DNS"}
	looked := 0
	var names []string
	for _, p := range probes {
		host := hostOnly(p.host)
		if p.dnsErr != nil {
			return c.broken(failure.Newf(failure.Unavailable, "cannot look up %s: %s", host, dnsText(p.dnsErr)).
				Because(userservice.ReasonNoConnection, p.host))
		}
		if p.looked && !slices.Contains(names, host) {
			looked++
			names = append(names, host)
		}
	}
	if looked == 0 {
		return c.good("not needed: no name has to be looked up here")
	}
	return c.good(fmt.Sprintf("%d of %d names looked up", looked, looked))
}

func dnsText(err error) string {
	var d *net.DNSError
	if errors.As(err, &d) {
		return d.Err
	}
	return err.Error()
}

func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// tlsLine says who signed the certificates: a company's proxy that opens TLS is seen here.
func (n *Network) tlsLine(probes []probe) []Finding {
	c := Check{Name: "tls", Title: "TLS"}
	var signers []string
	var soon string
	plain := 0
	for _, p := range probes {
		switch {
		case p.err != nil && isCertificate(p.err.Reason):
			found := c.broken(p.err)
			if p.signer != "" {
				found[0].Detail += " (signed by " + p.signer + ")"
			}
			return found
		case strings.HasPrefix(p.URL, "http://"):
			plain++
		case p.signer != "" && !slices.Contains(signers, p.signer):
			signers = append(signers, p.signer)
		}
		if !p.expires.IsZero() && p.expires.Sub(n.Now()) < certificateSoon {
			soon = p.host + ": the certificate expires at " + p.expires.UTC().Format(time.RFC3339)
		}
	}
	switch {
	case soon != "":
		return c.warning(soon, RemedyServiceStatus, "")
	case len(signers) > 0:
		return c.good("signed by " + strings.Join(signers, "; "))
	case plain == len(probes):
		return c.good("not used: every host is plain http")
	}
	return c.unknown("no host was reached")
}

func isCertificate(r failure.Reason) bool {
	return r == userservice.ReasonCertificate || r == userservice.ReasonCertificateName ||
		r == userservice.ReasonCertificateTime || r == userservice.ReasonTLS
}

// line says whether a host can be reached, and how fast.
func (p probe) line() []Finding {
	c := Check{Name: "host-" + p.Name, Title: "Host " + p.Name}
	switch {
	case p.err != nil:
		found := c.broken(p.err)
		found[0].Detail = p.host + ": " + found[0].Detail
		return found
	case p.status >= 500:
		return c.warning(fmt.Sprintf("%s answers %d %s", p.host, p.status, http.StatusText(p.status)), RemedyServiceStatus,
			p.host)
	case p.latency > slowAnswer:
		return c.warning(fmt.Sprintf("%s takes %s to answer", p.host, rounded(p.latency)), RemedyServiceStatus, p.host)
	}
	return c.good(fmt.Sprintf("%s answers in %s", p.host, rounded(p.latency)))
}

func rounded(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// clockLine compares this machine's clock with the one that differs least from it.
func clockLine(probes []probe) []Finding {
	c := Check{Name: "clock", Title: "Clock"}
	var least *time.Duration
	for _, p := range probes {
		if p.ahead != nil && (least == nil || p.ahead.Abs() < least.Abs()) {
			least = p.ahead
		}
	}
	if least == nil {
		return c.unknown("no host said what time it is")
	}
	off := least.Abs().Round(time.Second)
	text := "within a second of the service's"
	if off > time.Second {
		text = off.String() + " behind the service's"
		if *least < 0 {
			text = off.String() + " ahead of the service's"
		}
	}
	switch {
	case off > clockBroken:
		found := c.warning(text+": tokens look expired, or valid when they are not", RemedySetClock, "")
		found[0].State, found[0].Err = Broken, failure.New(failure.Failed, text)
		return found
	case off > clockWarning:
		return c.warning(text, RemedySetClock, "")
	}
	return c.good(text)
}
