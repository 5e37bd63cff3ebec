package contracttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// written is an exchange as it is written down.
type written struct {
	Method, URL string
	Header      http.Header
	Sent        []byte
	Status      int // 0: there was no answer
	Answer      http.Header
	Got         []byte
}

// together is how many exchanges are written into one file: few, as some processes are
// tested where files cannot grow.
const together = 4

// WritingDown is the wire of a process under test, which writes down in a folder what
// goes between it and the service, for Written to read; nil where no folder is named.
func WritingDown(folder string) func(http.RoundTripper) http.RoundTripper {
	if folder == "" {
		return nil
	}
	var mu sync.Mutex
	count := 0
	return func(next http.RoundTripper) http.RoundTripper {
		return Watch(next, func(e Exchange) {
			mu.Lock()
			defer mu.Unlock()
			file := filepath.Join(folder, fmt.Sprintf("%d.%d", os.Getpid(), count/together))
			count++
			if err := writeDown(file, e); err != nil {
				panic(err)
			}
		})
	}
}

func writeDown(file string, e Exchange) error {
	w := written{Method: e.Request.Method, URL: e.Request.URL.String(), Header: e.Request.Header, Sent: e.Sent, Got: e.Got}
	if e.Response != nil {
		w.Status, w.Answer = e.Response.StatusCode, e.Response.Header
	}
	line, err := json.Marshal(w)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n')) // in one go
	return errors.Join(err, f.Close())
}

// Written tells of each exchange that processes have written down in a folder, in no
// order, until fn returns an error. Half a line, of a process that was killed, is passed
// over.
func Written(folder string, fn func(Exchange) error) error {
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := eachWritten(file, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachWritten(file string, fn func(Exchange) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		e, err := read(line)
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
}

func read(line []byte) (Exchange, error) {
	var w written
	if err := json.Unmarshal(line, &w); err != nil {
		return Exchange{}, err
	}
	r, err := http.NewRequestWithContext(context.Background(), w.Method, w.URL, bytes.NewReader(w.Sent))
	if err != nil {
		return Exchange{}, err
	}
	r.Header = w.Header
	e := Exchange{Request: r, Sent: w.Sent, Got: w.Got}
	if w.Status != 0 {
		e.Response = &http.Response{StatusCode: w.Status, Header: w.Answer, Body: http.NoBody}
	}
	return e, nil
}
