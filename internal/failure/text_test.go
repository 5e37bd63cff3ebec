package failure_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// What the standard library says of system calls, types and URLs is put into other words.
func TestText(t *testing.T) {
	t.Parallel()
	var list []struct{ A int }
	ofType := json.Unmarshal([]byte(`{"A":"x"}`), &list)
	ofMember := json.Unmarshal([]byte(`[{"A":"x"}]`), &list)
	ofSyntax := json.Unmarshal([]byte(`{x`), &list)
	_, ofNumber := strconv.ParseInt("few", 10, 64)
	//nolint:staticcheck // it is not valid, which is the point
	_, ofURL := url.Parse("https://ops:secret@host/%zz?key=secret")
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing": {nil, ""},
		"our own": {errors.New("no such job"), "no such job"},
		"a file that is missing": {&fs.PathError{Op: "open", Path: "a.csv", Err: syscall.ENOENT},
			"a.csv: no such file or folder"},
		"a file, wrapped": {fmt.Errorf("read it: %w", &fs.PathError{Op: "open", Path: "a.csv", Err: syscall.EISDIR}),
			"read it: a.csv: is a folder"},
		"a rename": {&os.LinkError{Op: "rename", Old: "a.tmp", New: "a", Err: syscall.EACCES},
			"a: permission denied"},
		"a call":                   {os.NewSyscallError("fsync", syscall.ENOSPC), "no space left on the device"},
		"JSON of another type":     {ofType, "it is an object, which is not expected"},
		"a member of another type": {ofMember, "A is a string, which is not expected"},
		"no JSON":                  {ofSyntax, "not JSON, from byte 2 on"},
		"JSON that is cut off":     {io.ErrUnexpectedEOF, "it ends too early"},
		"no number":                {ofNumber, `"few" is not a number`},
		"no URL":                   {ofURL, `invalid URL escape "%zz"`},
		"a refused connection": {&url.Error{Op: "Get", URL: "https://host/?key=secret", Err: refused},
			"the connection was refused (127.0.0.1:9)"},
		"no such host": {&net.OpError{Op: "dial", Err: &net.DNSError{Name: "host.invalid", IsNotFound: true}},
			`host "host.invalid" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := failure.Text(c.err); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}
