package userservice_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// certificate makes a certificate for 127.0.0.1, good between two times, that signs itself.
func certificate(t *testing.T, name string, from, to time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: to, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == "" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// What cannot be sent is not tried again, and the reason tells what to look at: the authorities,
// the clock, the base URL.
func TestACertificateThatIsNotGoodIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		host     string
		from, to time.Time
		trusted  bool
		reason   failure.Reason
	}{
		"unknown authority": {from: now.Add(-time.Hour), to: now.Add(time.Hour), reason: userservice.ReasonCertificate},
		"expired": {from: now.Add(-2 * time.Hour), to: now.Add(-time.Hour), trusted: true,
			reason: userservice.ReasonCertificateTime},
		"not yet valid": {from: now.Add(time.Hour), to: now.Add(2 * time.Hour), trusted: true,
			reason: userservice.ReasonCertificateTime},
		"another host": {host: "other.example.com", from: now.Add(-time.Hour), to: now.Add(time.Hour),
			trusted: true, reason: userservice.ReasonCertificateName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert, pool := certificate(t, c.host, c.from, c.to)
			var dials atomic.Int32
			s := httptest.NewUnstartedServer(answer(200, registered))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					dials.Add(1)
				}
			}
			s.StartTLS()
			t.Cleanup(s.Close)
			transport, err := userservice.NewTransport(1, "")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(transport.CloseIdleConnections)
			if c.trusted {
				transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
			}
			err = client(t, s.URL,
				func(o *userservice.Options) {
					o.Transport = transport
				}).Delete(context.Background(), userservice.AsAdmin(), device)
			f := failure.From(err)
			if f.Reason != c.reason || f.Subject != strings.TrimPrefix(s.URL,
				"https://") || !f.Permanent || f.MayHaveApplied || f.Code != failure.Unavailable {
				t.Errorf("reason %q about %q: %v", f.Reason, f.Subject, err)
			}
			if dials.Load() != 1 {
				t.Errorf("dialed %d times", dials.Load())
			}
		})
	}
}

// A proxy's refusal is reported as one, and not retried unless the proxy is in trouble itself.
func TestAProxyThatRefuses(t *testing.T) {
	t.Parallel()
	for status, permanent := range map[int]bool{407: true, 403: true, 502: false} {
		var tunnels atomic.Int32
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tunnels.Add(1)
			w.WriteHeader(status)
		}))
		t.Cleanup(proxy.Close)
		at, _ := url.Parse(proxy.URL)
		transport, err := userservice.NewTransport(1, "")
		if err != nil {
			t.Fatal(err)
		}
		transport.Proxy = http.ProxyURL(at)
		t.Cleanup(transport.CloseIdleConnections)
		c := client(t, "https://user.example.com", func(o *userservice.Options) { o.Transport = transport })
		f := failure.From(c.Delete(context.Background(), userservice.AsAdmin(), device))
		if f.Reason != userservice.ReasonProxy || f.Subject != at.Host || f.Permanent != permanent || f.MayHaveApplied ||
			!strings.Contains(f.Message, "the proxy") {
			t.Errorf("%d: %q about %q, permanent %v: %v", status, f.Reason, f.Subject, f.Permanent, f)
		}
		if want := map[bool]int32{true: 1, false: 4}[permanent]; tunnels.Load() != want {
			t.Errorf("%d: asked %d times, not %d", status, tunnels.Load(), want)
		}
	}
}

// A proxy that is not there is named, and not the service in its place.
func TestAProxyThatCannotBeReached(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	held, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", other.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	at := &url.URL{Scheme: "http", Host: held.LocalAddr().String()} // nobody listens there, nor can
	transport, err := userservice.NewTransport(1, "")
	if err != nil {
		t.Fatal(err)
	}
	transport.Proxy = http.ProxyURL(at)
	t.Cleanup(transport.CloseIdleConnections)
	c := client(t, "https://user.example.com", func(o *userservice.Options) {
		o.Transport, o.Retry.Tries = transport, 1
	})
	f := failure.From(c.Delete(context.Background(), userservice.AsAdmin(), device))
	if f.Reason != userservice.ReasonProxy || f.Subject != at.Host || f.MayHaveApplied {
		t.Errorf("%q about %q: %v", f.Reason, f.Subject, f)
	}
}

// What HTTP cannot carry is wrong input, and never sent.
func TestAValueThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, registered))
	for name, send := range map[string]func(*userservice.Client) error{
		"an InstanceKey with a line end": func(c *userservice.Client) error {
			_, err := c.Register(context.Background(), userservice.Instance{ID: instanceID,
				Key: secret.New("leak\n")}, field.Set{})
			return err
		},
		"a JWT with a control character": func(c *userservice.Client) error {
			return c.WithAuthorizer(userservice.StaticToken{JWT: secret.New("a\x00b")}).Delete(context.Background(),
				userservice.AsAdmin(), device)
		},
	} {
		if err := send(client(t, s.URL)); !failure.Is(err, failure.Invalid) || !failure.HasReason(err,
			userservice.ReasonInvalidHeader) || strings.Contains(err.Error(), "leak") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(s.calls()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// goAway is an HTTP/2 server that answers every request with GOAWAY as if it had not been
// processed, and counts them: with a GetBody, Go's transport would send a request again and
// again.
func goAway(t *testing.T) (base string, pool *x509.CertPool, arrived *atomic.Int32) {
	t.Helper()
	cert, pool := certificate(t, "", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	t.Cleanup(func() { _ = l.Close() })
	arrived = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go sayGoAway(conn, arrived)
		}
	}()
	return "https://" + l.Addr().String(), pool, arrived
}

func sayGoAway(conn net.Conn, arrived *atomic.Int32) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	if _, err := r.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	frame := func(kind byte, stream uint32, payload []byte) {
		head := make([]byte, 9)
		binary.BigEndian.PutUint32(head, uint32(len(payload))<<8)
		head[3] = kind
		binary.BigEndian.PutUint32(head[5:], stream)
		_, _ = conn.Write(append(head, payload...))
	}
	frame(4, 0, nil) // SETTINGS
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		length := int(binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
		if _, err := r.Discard(length); err != nil {
			return
		}
		const data, endStream = 0, 1
		if head[3] == data && head[4]&endStream != 0 { // the request is there in full
			arrived.Add(1)
			frame(7, 0, make([]byte, 8)) // GOAWAY, last stream 0, NO_ERROR
			return
		}
	}
}

// A service that answers with GOAWAY gets a create once, and what may be repeated no more often
// than the client's own rule says.
func TestGoAwayDoesNotMultiplyACreate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		send func(*userservice.Client) error
		most int32
	}{
		"a create": {func(c *userservice.Client) error { _, err := register(c, field.Set{}); return err }, 1},
		"a create with a DeviceToken": {func(c *userservice.Client) error {
			_, err := register(c.Once(), user(t, map[string]string{"CustomToken": device}))
			return err
		}, 1},
		"register many": {func(c *userservice.Client) error {
			_, err := c.RegisterMany(context.Background(), instance, 2, false, field.Set{})
			return err
		}, 1},
		"a sign-in": {func(c *userservice.Client) error {
			_, err := c.SignInAdmin(context.Background(), "a@example.com", secret.New("password"))
			return err
		}, 1},
		"a refresh": {func(c *userservice.Client) error {
			_, err := c.Refresh(context.Background(), userservice.Pair{Access: secret.New(jwt), Refresh: secret.New(refresh)})
			return err
		}, 1},
		"a move": {func(c *userservice.Client) error {
			return c.Move(context.Background(), userservice.AsAdmin(), device, instance)
		}, 1},
		"an update": {func(c *userservice.Client) error {
			return c.Update(context.Background(), userservice.AsAdmin(), device, field.Set{})
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, pool, arrived := goAway(t)
			transport, err := userservice.NewTransport(1, "")
			if err != nil {
				t.Fatal(err)
			}
			transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
			t.Cleanup(transport.CloseIdleConnections)
			err = c.send(client(t, base, func(o *userservice.Options) { o.Transport = transport }))
			if !failure.Is(err, failure.Unavailable) || !failure.MayHaveApplied(err) {
				t.Errorf("got %v", err)
			}
			if n := arrived.Load(); n < 1 || n > c.most {
				t.Errorf("it arrived %d times", n)
			}
		})
	}
}

// Retry-After in every form that has been seen; a date counts from the answer's own Date.
func TestRetryAfterIsReadInEveryForm(t *testing.T) {
	t.Parallel()
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 7 ": 7 * time.Second, "0": 0, "1.5": 1500 * time.Millisecond,
		"0.0001": time.Millisecond, "-3": 0, "": 0, "soon": 0,
		"NaN": 0, "86400": userservice.LongestRetryAfter, "86401": userservice.LongestRetryAfter,
		"99999999999999999999999": userservice.LongestRetryAfter,
		"1e999":                   userservice.LongestRetryAfter, "3600": time.Hour, "7200": 2 * time.Hour,
		"Mon, 02 Jan 2006 15:14:05 GMT": 10 * time.Minute, "Mon, 02 Jan 2006 15:04:00 GMT": 0,
		"Monday, 02-Jan-06 15:04:35 GMT": 30 * time.Second,
		"Mon Jan  2 15:04:35 2006":       30 * time.Second, "Fri, 31 Dec 9999 23:59:59 GMT": userservice.LongestRetryAfter,
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", date)
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_, err := register(client(t, s.URL), field.Set{})
		if got := failure.From(err).RetryAfter; got != want {
			t.Errorf("%q is %s, not %s", header, got, want)
		}
	}
}
