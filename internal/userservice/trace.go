package userservice

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// exchangeKey holds, in a request's context, the exchange that the tracer shows.
type exchangeKey struct{}

// exchange is what the tracer must know of a request besides the request.
type exchange struct {
	secrets []secret.String // what must be redacted in anything that is shown
	body    []byte
}

// tracer shows each request and its answer, for --verbose: the headers that are known to be
// harmless with their values, the bodies with every secret redacted, the service's echoes of them
// included.
type tracer struct {
	next http.RoundTripper
	out  io.Writer
	now  func() time.Time
	mu   sync.Mutex // one exchange is written at a time
}

// harmless are the headers whose values are shown. Any other shows its name alone.
var harmless = []string{"Accept", "Content-Length", "Content-Type", "Date", "DeviceToken", "InstanceId",
	"Retry-After", "Server", "User-Agent", "UserDeviceToken", "X-Request-Id"}

// longestShown is how many bytes of a body are shown.
const longestShown = 16 << 10

// RoundTrip implements http.RoundTripper.
func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	var redactor secret.Redactor
	sent, _ := req.Context().Value(exchangeKey{}).(exchange)
	redactor.Add(sent.secrets...)
	var b bytes.Buffer
	fmt.Fprintf(&b, "> %s %s\n", req.Method, req.URL.Redacted())
	showHeader(&b, ">", req.Header)
	if len(sent.body) > 0 {
		fmt.Fprintf(&b, "> %s\n", showBody(sent.body, &redactor))
	}
	start := t.now()
	resp, err := t.next.RoundTrip(req)
	took := t.now().Sub(start).Round(time.Millisecond)
	if err != nil {
		fmt.Fprintf(&b, "< no answer after %s: %s\n", took, err)
		t.write(redactor.Redact(b.String()))
		return nil, err
	}
	fmt.Fprintf(&b, "< %s (%s)\n", resp.Status, took)
	showHeader(&b, "<", resp.Header)
	data, readErr := io.ReadAll(io.LimitReader(resp.Body, LargestAnswer+1))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), failing{readErr}))
	if len(data) > 0 {
		fmt.Fprintf(&b, "< %s\n", showBody(data, &redactor))
	}
	t.write(redactor.Redact(b.String()))
	return resp, nil
}

func (t *tracer) write(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.out, text)
}

// failing is a reader that ends with the error that the answer's body ended with.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

func showHeader(w *bytes.Buffer, mark string, h http.Header) {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := secret.Redacted
		if slices.ContainsFunc(harmless, func(s string) bool { return strings.EqualFold(s, name) }) {
			value = strings.Join(h[name], ", ")
		}
		fmt.Fprintf(w, "%s %s: %s\n", mark, name, value)
	}
}

// showBody is a body of the service as it may be shown: JSON on one line with its secrets
// redacted, or the size of anything else. The beginning of a long one is taken last: of a secret
// that it ended in the redactor would not know the half.
func showBody(data []byte, redactor *secret.Redactor) string {
	out, ok := redactJSON(data)
	if !ok {
		return fmt.Sprintf("(%d bytes, not JSON)", len(data))
	}
	text := redactor.Redact(string(out))
	if len(text) > longestShown {
		return fmt.Sprintf("%s… (%d bytes in all)", strings.ToValidUTF8(text[:longestShown], ""), len(out))
	}
	return text
}
