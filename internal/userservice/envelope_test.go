package userservice

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
)

// Whatever a service, a proxy or a stranger answers: it is read as an envelope or refused, and
// never a panic, an endless loop or a Result that is not JSON.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `[]`, `null`, `{"Result":null,"Status":200}`,
		`{"Result":{"DeviceToken":"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"},"Status":200}`,
		`{"Status":422,"Title":"x","Errors":[{"Key":"a","Message":"b"}]}`, `<html>`, "\xef\xbb\xbf{}",
		`{"Errors":{}}`, `{"Status":1e400}`, `{"Result":[`,
		`{"Result":["a"],"Status":200} x`, `{"status":"200"}`,
	} {
		f.Add([]byte(s), 200)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		e, err := decodeEnvelope(body, false)
		if err == nil && e.Result != nil && !json.Valid(e.Result) {
			t.Errorf("%q gave the Result %q", body, e.Result)
		}
		resp := &http.Response{StatusCode: status, Request: &http.Request{URL: &url.URL{}},
			Header: http.Header{"Retry-After": {string(body)}}}
		decoded := false
		cl := call{name: "a call", changes: true, decode: func(result []byte) error {
			decoded = true
			_, err := decodeMany(result)
			return err
		}}
		if failed := cl.read(resp, body); failed == nil && !decoded {
			t.Errorf("%d %q is a success without a Result", status, body)
		}
		change := call{name: "a change", changes: true}
		if failed := change.read(resp,
			body); failed == nil && status != http.StatusNoContent && (err != nil || e.Status < 200 || e.Status > 299) {
			t.Errorf("%d %q is taken for a change that is done", status, body)
		}
		if d := retryAfter(resp.Header); d < 0 || d > LongestRetryAfter {
			t.Errorf("Retry-After %q is %s", body, d)
		}
	})
}
