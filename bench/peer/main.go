// Command peer is the other end of the benchmarks in bench/run and bench/apply: a trivial
// server that answers registrations after a fixed time, one that lists users, and a bare
// tuned load generator to compare with.
//
//	peer serve ADDR LATENCY [LIMIT [RETRY-AFTER]]
//	peer users ADDR N LATENCY
//	peer load URL WORKERS REQUESTS
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 4 || os.Args[1] == "users" && len(os.Args) < 5 {
		log.Fatal("usage: peer serve ADDR LATENCY [LIMIT [RETRY-AFTER]] | peer users ADDR N LATENCY | " +
			"peer load URL WORKERS REQUESTS")
	}
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(os.Args[2], os.Args[3], os.Args[4:])
	case "users":
		err = users(os.Args[2], os.Args[3], os.Args[4])
	default:
		err = load(os.Args[2], os.Args[3:])
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve takes at most LIMIT requests at a time, and answers 429 to the rest.
func serve(addr, latency string, limited []string) error {
	wait, err := time.ParseDuration(latency)
	if err != nil {
		return err
	}
	key := []byte(`"CustomToken":"`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var buffer [1024]byte
		n, _ := io.ReadFull(r.Body, buffer[:])
		token := []byte("8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70")
		if i := bytes.Index(buffer[:n], key); i >= 0 && i+len(key)+36 <= n {
			token = buffer[i+len(key) : i+len(key)+36]
		}
		if wait > 0 {
			<-time.After(wait)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"Result":{"DeviceToken":"%s","AccessToken":null,"RefreshToken":null},"Status":200,`+
			`"Title":"","Errors":[]}`, token)
	})
	if len(limited) > 0 {
		limit, err := strconv.Atoi(limited[0])
		if err != nil {
			return err
		}
		handler = limitTo(limit, limited[1:], handler)
	}
	server := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

func limitTo(limit int, retryAfter []string, next http.HandlerFunc) http.HandlerFunc {
	slots := make(chan struct{}, limit)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next(w, r)
		default:
			for _, seconds := range retryAfter {
				w.Header().Set("Retry-After", seconds)
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"Result":null,"Status":429,"Title":"too many requests","Errors":[]}`)
		}
	}
}

// body is as long as what the tool sends for a row of the benchmark's file.
const body = `{"FirstName":"Name 1234567","Email":"driver-1234567@example.com",` +
	`"CustomToken":"8f14e45f-ceea-867f-8b3e-2c1d6e5b9a70","CreateAccessToken":false,` +
	`"UserFields":{"ClientId":"driver-1234567","EnableTracking":true}}`

func load(url string, args []string) error {
	workers, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	requests, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, WriteBufferSize: 16 << 10,
		ReadBufferSize: 16 << 10}}
	var left atomic.Int64
	left.Store(requests)
	var group sync.WaitGroup
	var failed atomic.Int64
	began := time.Now()
	for range workers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				if send(client, url) != nil {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	log.Printf("%d requests, %d failed, %.3f s", requests, failed.Load(), time.Since(began).Seconds())
	return nil
}

func send(client *http.Client, url string) error {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body))) //nolint:noctx // it is to be bare
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("InstanceId", "5a4db0c5-0000-4000-8000-000000000001")
	req.Header.Set("InstanceKey", "5a4db0c5-0000-4000-8000-0000000000f1")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err
}
