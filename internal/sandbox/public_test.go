package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// A browser asks before a page's call, and shows the page the answer, if the page's origin is among
// those.
func TestPagesOfOneOriginCall(t *testing.T) {
	const page = "http://localhost:3000"
	served, _ := serving(t, sandbox.Options{Origins: []string{page}, Control: true})
	for name, c := range map[string]struct {
		method, path, origin string
		h                    headers
		status               int
		allowed              string
	}{
		"the question before a call": {"OPTIONS", createPath, page, headers{"Access-Control-Request-Method": "POST"}, 204,
			page},
		"a call":          {"GET", "/healthz", page, nil, 200, page},
		"a refusal":       {"GET", usersPath + "/find", page, nil, 401, page},
		"another origin":  {"GET", "/healthz", "http://evil.example", nil, 200, ""},
		"no page":         {"GET", "/healthz", "", nil, 200, ""},
		"the control API": {"GET", "/_sandbox/clock", page, nil, 403, ""},
	} {
		h := headers{}.and(c.h)
		if c.origin != "" {
			h["Origin"] = c.origin
		}
		r := send(t, http.DefaultClient, served, c.method, c.path, h, "")
		if got := r.Header.Get("Access-Control-Allow-Origin"); r.HTTP != c.status || got != c.allowed ||
			r.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: %d %v", name, r.HTTP, r.Header)
		}
	}
	for _, wrong := range []string{"localhost:3000", "http://localhost:3000/", "", "null"} {
		if _, err := sandbox.Open(sandbox.Options{Origins: []string{wrong}}); err == nil {
			t.Errorf("the origin %q was accepted", wrong)
		}
	}
}

// A client that trusts the certificate, and no other, is served; under the names that the
// certificate is for.
func TestServedOverTLS(t *testing.T) {
	config, certificate, err := sandbox.SelfSigned(time.Now(), "sandbox.test", "0.0.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sandbox.Open(sandbox.Options{Dir: t.TempDir(), TLS: config}); err == nil {
		t.Error("a folder was served over TLS")
	}
	served, _ := serving(t, sandbox.Options{TLS: config})
	trust := x509.NewCertPool()
	if !trust.AppendCertsFromPEM(certificate) {
		t.Fatal("no certificate in PEM")
	}
	for name, c := range map[string]struct {
		as   string
		pool *x509.CertPool
		ok   bool
	}{
		"by its address":     {"", trust, true},
		"by its name":        {"sandbox.test", trust, true},
		"by another name":    {"other.test", trust, false},
		"without the pool":   {"", nil, false},
		"by this machine's":  {"localhost", trust, true},
		"by the unspecified": {"0.0.0.0", trust, false},
	} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.pool, ServerName: c.as,
			MinVersion: tls.VersionTLS12}}
		resp, err := (&http.Client{Transport: transport}).Get(served + "/healthz")
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
		transport.CloseIdleConnections()
	}
	if _, err := net.ResolveTCPAddr("tcp", served[len("https://"):]); err != nil {
		t.Errorf("the URL is %s", served)
	}
}
