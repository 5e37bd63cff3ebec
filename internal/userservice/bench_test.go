package userservice_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// answered is what a registration without tokens is answered.
const answered = `{"Result":{"DeviceToken":"` + device +
	`","AccessToken":null,"RefreshToken":null},"Status":200,"Title":"","Errors":[]}`

// canned is a transport that takes no time, so that what is measured is the client's own part of
// a call.
type canned struct {
	header http.Header
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	runtime.Gosched()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Header: c.header, Body: io.NopCloser(strings.NewReader(c.body)),
		ContentLength: int64(len(c.body)), Request: r}, nil
}

// BenchmarkRegister is what one registration costs besides the network: the body, the request,
// the answer.
func BenchmarkRegister(b *testing.B) {
	c, err := userservice.New(userservice.Options{UserURL: "http://127.0.0.1:1",
		Transport: canned{http.Header{"Content-Type": {"application/json"}}, answered}, Retry: userservice.Retry{Tries: 1}})
	if err != nil {
		b.Fatal(err)
	}
	who := user(b, map[string]string{
		"CustomToken": device, "FirstName": "Name 1234567", "Email": "driver-1234567@example.com",
		"ClientId": "driver-1234567", "EnableTracking": "on",
	})
	b.ReportAllocs()
	b.SetParallelism(32) // as in a job, others are in flight
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := c.Register(context.Background(), instance, who); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkListPage is what reading a page of a hundred users costs besides the network: all of
// each user, what a report counts, and the DeviceTokens alone.
func BenchmarkListPage(b *testing.B) {
	one := `{"DeviceToken":"` + device +
		`","DateCreated":"2026-03-01T10:20:30","Status":"Active","ActivityStatus":"No Data",` +
		`"UserProfile":{"FirstName":"Ada","LastName":"King","Nickname":null,"Phone":null,"Email":"ada@example.com",` +
		`"Gender":null,` +
		`"Birthday":null,"MaritalStatus":null,"ChildrenCount":0,"Country":null,"ImageUrl":null,"ExternalImageUrl":null},` +
		`"MobileDevice":{"OsType":"iOS","SdkVersion":"4.2"},"AccountInfo":{"InstanceId":"` + instanceID + `"},` +
		`"UserFields":[{"ClientId":"c-1","EnableTracking":true,"EnableLogging":false,"EnableRealTimeLocation":false,` +
		`"Enabled":true}]}`
	body := `{"Result":{"Users":[` + one + strings.Repeat(","+one, 99) +
		`],"HasNextPage":true,"CurrentPage":1},"Status":200,"Title":""}`
	c, err := userservice.New(userservice.Options{
		UserURL: "http://127.0.0.1:1", Transport: canned{http.Header{}, body}, Retry: userservice.Retry{Tries: 1},
	})
	if err != nil {
		b.Fatal(err)
	}
	c = c.WithAuthorizer(userservice.StaticToken{JWT: secret.New(jwt)})
	for name, only := range map[string]*userservice.Only{
		"all":    nil,
		"report": {Activity: true, Fields: []*field.Field{field.MustGet("Country"), field.MustGet("EnableLogging")}},
		"ids":    {},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if page, err := c.ListPage(context.Background(), userservice.AsAdmin(),
					userservice.ListQuery{Only: only}); err != nil || len(page.Users) != 100 {
					b.Fatal(err)
				}
			}
		})
	}
}
