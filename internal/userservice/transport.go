package userservice

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// NewTransport makes the one tuned transport of a process: as many idle connections as workers,
// HTTP/2, the proxy of the environment (HTTPS_PROXY, NO_PROXY; never for this machine), the
// system's certificates and those of caFile, if given.
func NewTransport(workers int, caFile string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          0, // no limit over all hosts
		MaxIdleConnsPerHost:   max(workers, 2),
		ForceAttemptHTTP2:     true,
		WriteBufferSize:       16 << 10,
		ReadBufferSize:        16 << 10,

		OnProxyConnectResponse: checkProxyAnswer,
	}
	if caFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, failure.Wrap(failure.Invalid, "read ca_file", err).Because(ReasonCAFile, caFile)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, failure.Newf(failure.Invalid, "ca_file %s: no certificate in PEM form",
			caFile).Because(ReasonCAFile, caFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// IsLoopback reports whether a host name is this machine's own, and no proxy's business:
// localhost or a loopback address. Names under localhost are not: they may resolve to anything,
// and proxies see them.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
