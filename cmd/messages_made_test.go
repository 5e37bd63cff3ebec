package cmd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// madeErrors are errors that no test can cause in one command alone, made by the functions that the
// program makes them with. A row "$ !NAME" is about one of them.
var madeErrors = map[string]func(w *messageWorld) error{
	"file-too-large":      refusedBySystem(syscall.EFBIG),
	"permission-denied":   refusedBySystem(syscall.EACCES),
	"read-only":           refusedBySystem(syscall.EROFS),
	"too-many-open-files": refusedBySystem(syscall.EMFILE),
	"locks-unavailable":   refusedBySystem(syscall.ENOLCK),
	"input-output-error":  refusedBySystem(syscall.EIO),
	"cannot-write":        refusedBySystem(syscall.EBUSY),
	"no-such-folder":      refusedBySystem(syscall.ENOENT),
	"lock-held": func(w *messageWorld) error {
		path := w.dir + "/leases.json"
		return atomicfile.Failure(failure.Failed, "cannot write the leases", path,
			&filelock.HeldError{Path: path + ".lock", PID: 7, Waited: 10 * time.Second})
	},
	"foreign-link": func(w *messageWorld) error {
		return atomicfile.Failure(failure.Invalid, "the results cannot be written to "+w.dir+"/results.csv",
			w.dir+"/results.csv",
			&atomicfile.LinkError{Path: w.dir + "/results.csv"})
	},
}

// refusedBySystem makes the error of a file that the system refuses to write for a reason.
func refusedBySystem(number syscall.Errno) func(*messageWorld) error {
	return func(w *messageWorld) error {
		path := w.dir + "/results.csv"
		return atomicfile.Failure(failure.Failed, "the results cannot be written to "+path, path,
			&os.PathError{Op: "write", Path: path + ".tmp", Err: number})
	}
}

// serveTLS starts a service whose certificate is untrusted, for another host (name), or expired;
// or that speaks no TLS (plain). The profile "tls" of the configuration trusts it where that is
// not the point.
func (w *messageWorld) serveTLS(kind string) {
	w.serve("well")
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.t.Cleanup(server.Close)
	url := ""
	if kind == "plain" {
		server.Start()
		url = "https" + strings.TrimPrefix(server.URL, "http")
	} else {
		cert := selfSigned(w.t, kind == "expired")
		server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		server.StartTLS()
		url = server.URL
		if kind == "name" {
			url = strings.Replace(url, "127.0.0.1", "localhost", 1)
		}
		if kind != "untrusted" {
			text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
			w.check(os.WriteFile(w.path("ca.pem"), text, 0o600))
		}
	}
	text := "profiles:\n  tls:\n    instance_id: " + sandbox.InstanceID + "\n"
	if kind == "name" || kind == "expired" {
		text += "    ca_file: " + w.path("ca.pem") + "\n"
	}
	w.check(os.WriteFile(w.path("tls.yaml"), []byte(text), 0o600))
	w.vars["URL"] = url
	for _, name := range []string{"USER", "PORTAL", "ACCOUNTS"} {
		w.env["TELEMATICSCTL_"+name+"_URL"] = url
	}
}

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned(t *testing.T, expired bool) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	if expired {
		until = time.Now().Add(-time.Hour)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
