package userservice

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// retryable says when a call may be sent again.
type retryable uint8

const (
	never        retryable = iota // another attempt could do it twice
	ifNotArrived                  // only while it is certain that no attempt reached the service
	always                        // doing it twice is doing it once
)

// call is one call of the service, as it is to be sent.
type call struct {
	name        string // what it does, for messages: "register a user"
	method      string
	host        Host   // HostUser where empty
	path        string // with the query, if there is one
	header      []header
	body        []byte
	contentType string
	retry       retryable
	changes     bool // it changes something: if its answer is lost, it may have done so
	// decode reads Result; nil where the call returns nothing. noResult is the error where Result
	// is null; where it is nil too, such an answer cannot be read.
	decode   func(result []byte) error
	noResult *failure.Error
	// fastDecode, if set, reads the answer of a call that went well in one go, and returns false
	// for any other, which is then read step by step.
	fastDecode  func(answer []byte) bool
	copies      bool            // decode and fastDecode keep no part of an answer: its memory is used again
	about       string          // the DeviceToken that an answer with a DeviceToken must have; "" for any
	jwtOnly     bool            // a user is known by its JWT alone: its instance is not sent along
	absence     bool            // a 404 or 405 means that the service does not have the call (see NoSuchCall)
	raw         *RawAnswer      // where the answer is put as it came; it need not be in the envelope
	showSecrets bool            // in raw
	secrets     []secret.String // what is sent along and must be redacted in anything that is shown
}

// header is one header of a request, its name in http.CanonicalHeaderKey's form.
type header struct{ name, value string }

const (
	jsonType = "application/json"
	// jsonPatchType is what the service's own samples send with updates and list calls (live).
	jsonPatchType = "application/json-patch+json"
)

func (cl *call) camel() bool { return cl.host == HostPortal }

// attempt is what one attempt of a call came to.
type attempt struct {
	err  *failure.Error // nil: done
	sent bool           // the request may have reached the service
}

// do sends a call, again where that is safe and may help, and reads its answer.
func (c *Client) do(ctx context.Context, cl call) error {
	id := c.requestID()
	err := c.retry.run(ctx, cl, func() attempt {
		a := c.once(ctx, &cl, id)
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

func (c *Client) once(parent context.Context, cl *call, id string) (a attempt) {
	ctx := c.deadlines.begin(parent)
	answered := false
	defer func() { c.deadlines.end(ctx, answered) }()
	req, err := c.request(ctx.Context, cl, id) //nolint:contextcheck // it is made of the parent
	if err != nil {
		return attempt{err: failure.From(err)}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		sent := ctx.sent.Load()
		return attempt{c.broken(parent, ctx, cl, req.URL, err, sent), sent}
	}
	defer func() {
		if resp.ContentLength < 0 || resp.ContentLength >= shortAnswer {
			_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be reused
		}
		_ = resp.Body.Close()
	}()
	resp.Request = req
	if cl.host == "" || cl.host == HostUser {
		c.clock.observe(resp.Header)
	}
	body, done, err := cl.readAll(resp)
	defer done()
	if err != nil {
		if errors.Is(err, errTooLarge) {
			return attempt{cl.unreadable(resp, err.Error()), true}
		}
		return attempt{c.broken(parent, ctx, cl, req.URL, err, true), true}
	}
	answered = true
	return attempt{cl.read(resp, body), true}
}

// noRequest is what requests are made from.
var noRequest = &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

// request makes the request of one attempt. It has no GetBody, except where doing it twice is
// doing it once: with it the HTTP/2 transport sends a request again after each GOAWAY, without a
// limit.
func (c *Client) request(ctx context.Context, cl *call, id string) (*http.Request, error) {
	if c.trace {
		ctx = context.WithValue(ctx, exchangeKey{}, exchange{cl.secrets, cl.body})
	}
	u, err := c.url(cl)
	if err != nil {
		return nil, err
	}
	h, err := c.headers(cl, id)
	if err != nil {
		return nil, err
	}
	req := noRequest.WithContext(ctx)
	req.Method, req.URL, req.Host, req.Header = cl.method, u, u.Host, h
	if cl.body != nil {
		req.Body = io.NopCloser(bytes.NewReader(cl.body))
		req.ContentLength = int64(len(cl.body))
		if cl.retry == always && !cl.changes {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(cl.body)), nil }
		}
	}
	return req, nil
}

// url returns a call's URL. Those that a job needs for each row are parsed once.
func (c *Client) url(cl *call) (*url.URL, error) {
	if cl.host == "" && cl.path == registerPath {
		return c.registerURL, nil
	}
	u, err := url.Parse(c.base(cl.host) + cl.path)
	if err != nil {
		return nil, failure.Newf(failure.Invalid, "%s: invalid path", cl.name)
	}
	return u, nil
}

// headers returns a call's headers. What HTTP cannot carry is an error, and not sent.
func (c *Client) headers(cl *call, id string) (http.Header, error) {
	h := make(http.Header, 4+len(cl.header)) // of its final size at once: a job makes a million of them
	values := make([]string, 0, 1+len(cl.header))
	put := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	h["Accept"] = acceptJSON
	h["User-Agent"] = c.userAgent
	switch cl.contentType {
	case "":
	case jsonType:
		h["Content-Type"] = acceptJSON
	default:
		h["Content-Type"] = []string{cl.contentType}
	}
	put("X-Request-Id", id)
	for _, one := range cl.header {
		if !validHeader(one.value) {
			return nil, failure.Newf(failure.Invalid, "%s: the value of header %s has characters that cannot be sent",
				cl.name, one.name).
				Because(ReasonInvalidHeader, one.name)
		}
		put(one.name, one.value)
	}
	return h, nil
}

var acceptJSON = []string{jsonType} // shared by all requests: no transport changes a header's values

// validHeader reports whether HTTP can carry a value.
func validHeader(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// timeoutError is a timeout as those of package net are.
type timeoutError struct{}

func (timeoutError) Error() string { return "no answer in time" }
func (timeoutError) Timeout() bool { return true }

var (
	errTimeout  = error(timeoutError{})
	errTooLarge = errors.New("its answer is larger than 32 MiB")
)

// shortAnswer is from how many bytes on an answer that gives its length is not read in one piece.
const shortAnswer = 1 << 20

// largeAnswers are buffers for the answers of calls that keep no part of them: of a page that is
// read and of the one that is fetched meanwhile. A sync.Pool would lose them to each garbage
// collection.
var largeAnswers = make(chan *bytes.Buffer, 2)

// mostKept is the size up to which a buffer is kept for the next answer.
const mostKept = 4 << 20

func borrowBuffer() *bytes.Buffer {
	select {
	case b := <-largeAnswers:
		return b
	default:
		return new(bytes.Buffer)
	}
}

func returnBuffer(b *bytes.Buffer) {
	if b.Cap() > mostKept {
		return
	}
	b.Reset()
	select {
	case largeAnswers <- b:
	default:
	}
}

// readAll reads an answer, which may be used until done.
func (cl *call) readAll(resp *http.Response) (body []byte, done func(), err error) {
	done = func() {}
	if n := resp.ContentLength; !cl.copies && n >= 0 && n < shortAnswer {
		whole := make([]byte, n) // the usual case: nothing is allocated that is not needed
		_, err = io.ReadFull(resp.Body, whole)
		return whole, done, err
	}
	b := new(bytes.Buffer)
	if cl.copies {
		b = borrowBuffer()
		done = func() { returnBuffer(b) }
	}
	n, err := b.ReadFrom(io.LimitReader(resp.Body, LargestAnswer+1))
	if n > LargestAnswer {
		return nil, done, errTooLarge
	}
	return b.Bytes(), done, err
}

// redact takes the call's own secrets out of a text that came back.
func (cl *call) redact(text string) string {
	var k secret.Redactor
	k.Add(cl.secrets...)
	return k.Redact(text)
}
