package userservice_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// answered is what a registration without tokens is answered.
const answered = `{"Result":{"DeviceToken":"` + device + `","AccessToken":null,"RefreshToken":null},"Status":200,"Title":"","Errors":[]}`

// canned is a transport that takes no time, so that what is measured is the client's own part of
// a call.
type canned struct{ header http.Header }

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Header: c.header, Body: io.NopCloser(strings.NewReader(answered)),
		ContentLength: int64(len(answered)), Request: r}, nil
}

// BenchmarkRegister is what one registration costs besides the network: the body, the request,
// the answer.
func BenchmarkRegister(b *testing.B) {
	c, err := userservice.New(userservice.Options{UserURL: "http://127.0.0.1:1",
		Transport: canned{http.Header{"Content-Type": {"application/json"}}}, Retry: userservice.Retry{Tries: 1}})
	if err != nil {
		b.Fatal(err)
	}
	who := user(b, map[string]string{
		"CustomToken": device, "FirstName": "Name 1234567", "Email": "driver-1234567@example.com",
		"ClientId": "driver-1234567", "EnableTracking": "on",
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Register(context.Background(), instance, who); err != nil {
			b.Fatal(err)
		}
	}
}
