package userservice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// repeatable says when a call may be sent again.
type repeatable uint8

const (
	never        repeatable = iota // another try could do it twice
	ifNotArrived                   // only while it is certain that no try reached the service
	always                         // doing it twice is doing it once
)

// call is one call of the service, as it is to be sent.
type call struct {
	name    string // what it does, for messages: «register a user»
	method  string
	path    string
	header  map[string]string
	body    []byte
	kind    string // the body's content type
	repeat  repeatable
	changes bool                      // it changes something: an answer that is lost leaves it unclear whether it did
	decode  func(result []byte) error // reads Result; nil where the call returns nothing
	// quick, if set, reads an answer in which all is well in one go, and says false of any other, which is then read step by step.
	quick   func(answer []byte) bool
	secrets []secret.String // what goes along and must be cut out of anything that is shown
}

const jsonKind = "application/json"

// jsonPatchKind is what the service's own samples send with updates and list calls (live).
const jsonPatchKind = "application/json-patch+json"

// attempt is what one try of a call came to.
type attempt struct {
	err  *failure.Error // nil: done
	sent bool           // the request may have reached the service
}

// do sends a call, again where that is safe and may help, and reads its answer.
func (c *Client) do(ctx context.Context, cl call) error {
	id := c.requestID()
	err := c.retry.run(ctx, cl, func() attempt {
		a := c.once(ctx, cl, id)
		if a.err != nil {
			a.err.RequestID = id
		}
		return a
	})
	if err == nil {
		return nil
	}
	return err
}

func (c *Client) once(parent context.Context, cl call, id string) attempt {
	ctx, cancel := context.WithTimeoutCause(parent, c.timeout, errTimeout)
	defer cancel()
	sent := new(atomic.Bool)
	req, err := c.request(ctx, cl, id, sent)
	if err != nil {
		return attempt{err: failure.Wrap(failure.Invalid, cl.name, err)}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return attempt{c.broken(parent, ctx, cl, err, sent.Load()), sent.Load()}
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
		_ = resp.Body.Close()
	}()
	body, err := readAll(resp)
	if err != nil {
		if errors.Is(err, errTooLarge) {
			return attempt{cl.wrongAnswer(resp, err.Error()), true}
		}
		return attempt{c.broken(parent, ctx, cl, err, true), true}
	}
	return attempt{cl.read(resp, body), true}
}

func (c *Client) request(ctx context.Context, cl call, id string, sent *atomic.Bool) (*http.Request, error) {
	if cl.changes {
		// What a connection carries cannot be called back: from the first header on, it may have arrived. (The
		// transport itself repeats a POST only where it is certain that nothing of it was written.)
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	}
	if c.trace {
		ctx = context.WithValue(ctx, secretsKey{}, cl.secrets)
	}
	var body io.Reader
	if cl.body != nil {
		body = bytes.NewReader(cl.body)
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, c.user+cl.path, body)
	if err != nil {
		return nil, err
	}
	req.Header = make(http.Header, 4+len(cl.header)) // of its final size at once: a bulk run makes a million of them
	req.Header["Accept"] = []string{jsonKind}
	req.Header["User-Agent"] = []string{c.userAgent}
	req.Header["X-Request-Id"] = []string{id}
	if cl.kind != "" {
		req.Header["Content-Type"] = []string{cl.kind}
	}
	for name, value := range cl.header {
		req.Header.Set(name, value)
	}
	return req, nil
}

var (
	errTimeout  = errors.New("no answer in time")
	errTooLarge = errors.New("its answer is larger than 32 MiB")
)

// TimedOut tells whether a call ended because no answer came within the client's Timeout.
func TimedOut(err error) bool { return errors.Is(err, errTimeout) }

func readAll(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; n >= 0 && n < 1<<20 { // the usual case: nothing is allocated that is not needed
		whole := make([]byte, n)
		_, err := io.ReadFull(resp.Body, whole)
		return whole, err
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(resp.Body, LargestAnswer+1))
	if n > LargestAnswer {
		return nil, errTooLarge
	}
	return b.Bytes(), err
}

// broken makes the error for a try that ended without a whole answer.
func (c *Client) broken(parent, ctx context.Context, cl call, err error, sent bool) *failure.Error {
	e := &failure.Error{Code: failure.Unavailable, Cause: err, MayHaveApplied: sent && cl.changes}
	switch {
	case parent.Err() != nil:
		e.Code, e.Message = failure.Interrupted, cl.name+": interrupted"
		if errors.Is(parent.Err(), context.DeadlineExceeded) {
			e.Code, e.Message = failure.Unavailable, cl.name+": out of time"
		}
		e.Cause = parent.Err()
	case errors.Is(context.Cause(ctx), errTimeout):
		e.Cause, e.Message = errTimeout, cl.name+": no answer within "+c.timeout.String()
		e.Hint = "try again, or give it longer with --timeout"
	default:
		e.Message = cl.name + ": no answer: " + cl.cut(reason(err))
		e.Hint = "check the network, the proxy and the base URL"
	}
	return e
}

// reason is the transport's error in words.
func reason(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke in the middle of it"
	case errors.Is(err, io.EOF):
		return "the connection was closed"
	}
	return err.Error()
}

// cut takes the call's own secrets out of a text that came back.
func (cl *call) cut(text string) string {
	var k secret.Knife
	k.Know(cl.secrets...)
	return k.Cut(text)
}
