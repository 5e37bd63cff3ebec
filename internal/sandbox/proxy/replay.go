package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// Replay returns a handler that answers as a recording does: a request by its method, path
// and query gets the recorded answers in their order, and the last one again and again. What
// is not in the recording gets 501. Secrets are redacted in the answers, as they were
// recorded. It is for tests.
func Replay(recording io.Reader) (http.Handler, error) {
	p := &replay{answers: map[string][]Recorded{}}
	lines := bufio.NewScanner(recording)
	lines.Buffer(nil, largestAnswer)
	for n := 1; lines.Scan(); n++ {
		var rec Recorded
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("line %d of the recording: %w", n, err)
		}
		if rec.Status != 0 {
			key := rec.Method + " " + rec.Path + "?" + rec.Query
			p.answers[key] = append(p.answers[key], rec)
		}
	}
	return p, lines.Err()
}

type replay struct {
	mu      sync.Mutex
	answers map[string][]Recorded
}

// ServeHTTP answers as the recording does.
func (p *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, _ := url.ParseQuery(r.URL.RawQuery)
	key := r.Method + " " + r.URL.EscapedPath() + "?" + query.Encode()
	p.mu.Lock()
	list := p.answers[key]
	if len(list) > 1 {
		p.answers[key] = list[1:]
	}
	p.mu.Unlock()
	if list == nil {
		http.Error(w, "not in the recording: "+key, http.StatusNotImplemented)
		return
	}
	for name, value := range list[0].AnswerHead {
		w.Header().Set(name, value)
	}
	w.WriteHeader(list[0].Status)
	if list[0].Answer != nil {
		_ = json.NewEncoder(w).Encode(list[0].Answer)
	}
}
