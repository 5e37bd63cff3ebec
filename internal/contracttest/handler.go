package contracttest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Handler holds what comes to next over a socket, and what it answers, to the contract
// and reports what does not fit. An answer that next breaks off is none.
func (c *Contract) Handler(next http.Handler, h Hold, report func(error)) http.Handler {
	hold := c.Holder(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := Exchange{Request: r}
		if h.Requests {
			sent, err := io.ReadAll(r.Body)
			if err != nil { // the client has gone
				http.Error(w, fmt.Sprintf("the body cannot be read: %v", err), http.StatusBadRequest)
				return
			}
			e.Sent, r.Body = sent, io.NopCloser(bytes.NewReader(sent))
		}
		seen := &watched{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		e.Response, e.Got = &http.Response{StatusCode: seen.status, Header: seen.header}, seen.body.Bytes()
		if seen.status == 0 {
			report(errors.New("an answer without a status"))
			return
		}
		if err := hold(e); err != nil {
			report(err)
		}
	})
}

// watched keeps what is answered.
type watched struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
}

func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.header = status, w.Header().Clone()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	_, _ = w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Unwrap lets what is answered be flushed.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
