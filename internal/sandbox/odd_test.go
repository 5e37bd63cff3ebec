package sandbox_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// odd is a request that clients, proxies and people send, with the answer that ASP.NET Core with Newtonsoft gives, and why.
type odd struct {
	name, method, path string
	h                  headers
	body               string
	status             int
	keys               string // of the entries in Errors
	why                string
}

// dotNETForms are the ways in which .NET reads a UUID.
func dotNETForms(id string) map[string]string {
	bare := strings.ReplaceAll(id, "-", "")
	return map[string]string{
		"with dashes": id, "without": bare, "in braces": "{" + id + "}", "in capitals": strings.ToUpper(id),
		"in parentheses": "(" + id + ")",
	}
}

func oddPaths() []odd {
	var out []odd
	for name, path := range map[string]string{
		"as written": createPath, "lower case": strings.ToLower(createPath), "capitals": strings.ToUpper(createPath),
		"as the vendor's clients": "/v1/Registration/Create", "a slash at the end": createPath + "/",
		"a query nobody knows": createPath + "?shoe=43", "an empty query": createPath + "?", "an encoded letter": "/v1/Registration/%63reate",
	} {
		out = append(out, odd{"path: " + name, "POST", path, theInstance, `{}`, 200, "",
			"routing ignores case, a slash at the end and what no parameter is bound to"})
	}
	for name, path := range map[string]string{
		"doubled slash": "//v1/Registration/create", "doubled within": "/v1//Registration/create", "two at the end": createPath + "//",
		"one segment more": createPath + "/x", "one less": "/v1/Registration", "the root": "/", "another version": "/v2/Registration/create",
		"a dot": createPath + ".json", "a blank at the end": createPath + "%20", "the accounts host's in lower case": "/v1/instances/x",
	} {
		out = append(out, odd{"path: " + name, "POST", path, theInstance, `{}`, 404, "", "no endpoint matches; the answer has no body"})
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"} {
		out = append(out, odd{"method: " + method, method, createPath, theInstance, "", 405, "",
			"the path has an endpoint, for POST alone; Allow says so, and there is no body"})
	}
	return out
}

func oddHeaders() []odd {
	var out []odd
	for name, value := range dotNETForms(sandbox.InstanceID) {
		out = append(out, odd{"InstanceId: " + name, "POST", createPath, theInstance.and(headers{"InstanceId": value}), `{}`, 200, "",
			"Guid.Parse reads every form"})
	}
	for name, value := range dotNETForms(sandbox.InstanceKey) {
		out = append(out, odd{"InstanceKey: " + name, "POST", createPath, theInstance.and(headers{"InstanceKey": value}), `{}`, 200, "",
			"Guid.Parse reads every form"})
	}
	for _, value := range []string{"x", "5a4db0c5", "5a4db0c5-0000-4000-8000-00000000000g", "1", "null"} {
		out = append(out, odd{"InstanceId: " + value, "POST", createPath, theInstance.and(headers{"InstanceId": value}), `{}`, 422, "InstanceId",
			"model binding fails (assumed: headers)"})
	}
	for _, kind := range []string{
		"application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "text/json", "application/json-patch+json",
		"application/vnd.api+json", "application/json;charset=UTF-8",
	} {
		out = append(out, odd{"Content-Type: " + kind, "POST", createPath, theInstance.and(headers{"Content-Type": kind}), `{}`, 200, "",
			"the JSON input formatters take application/json, text/json and application/*+json"})
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "text/html", "multipart/form-data", "application/xml", "json"} {
		out = append(out, odd{"Content-Type: " + kind, "POST", createPath, theInstance.and(headers{"Content-Type": kind}), `{}`, 415, "",
			"no input formatter takes it (assumed: content-type)"})
	}
	for _, scheme := range []string{"", "Basic YTpi", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "bearer x", "JWT x", "x"} {
		h := headers{}
		if scheme != "" {
			h["Authorization"] = scheme
		}
		out = append(out, odd{"Authorization: " + scheme, "GET", usersPath + "/find?Email=x", h, "", 401, "",
			"the JWT bearer handler challenges without a body"})
	}
	return out
}

func oddBodies() []odd {
	var out []odd
	add := func(status int, keys, why string, bodies ...string) {
		for _, body := range bodies {
			out = append(out, odd{"body: " + body, "POST", createPath, theInstance.and(headers{"Content-Type": "application/json"}), body, status, keys, why})
		}
	}
	add(200, "", "every field is optional, and null is none", `{}`, ` {} `, `{"FirstName": null}`, `{"UserFields": null}`, `{"Status": null}`)
	add(200, "", "names go without regard to case", `{"firstname": "a"}`, `{"FIRSTNAME": "a"}`, `{"userFields": {"clientid": "a"}}`)
	add(200, "", "unknown members are ignored", `{"Shoe": 43}`, `{"Shoe": {"Size": [43]}}`, `{"UserFields": {"Shoe": 43}}`)
	add(200, "", "Newtonsoft converts numbers and booleans to strings", `{"FirstName": 1}`, `{"FirstName": 1.5}`, `{"FirstName": true}`, `{"UserFields": {"ClientId": 7}}`)
	add(200, "", "and strings to numbers and booleans", `{"ChildrenCount": "2"}`, `{"ChildrenCount": " 2 "}`, `{"CreateAccessToken": "true"}`,
		`{"CreateAccessToken": "False"}`, `{"CreateAccessToken": 1}`, `{"UserFields": {"EnableLogging": "true"}}`, `{"ChildrenCount": 2.0}`)
	add(200, "", "an empty string is null for what is no string", `{"ChildrenCount": ""}`, `{"Birthday": ""}`, `{"Gender": ""}`, `{"CustomToken": ""}`)
	add(200, "", "enums go by name in any case, or by number", `{"Gender": "female"}`, `{"Gender": "FEMALE"}`, `{"Gender": 2}`, `{"Gender": "2"}`, `{"Status": "deactivated"}`)
	add(200, "", "dates come in the forms of ISO 8601", `{"Birthday": "1990-01-02"}`, `{"Birthday": "1990-01-02T03:04:05Z"}`,
		`{"Birthday": "1990-01-02T03:04:05.678+02:00"}`, `{"Birthday": "1990-01-02T03:04"}`)
	add(200, "", "texts are not validated (live)", `{"Email": "nobody"}`, `{"Phone": "☎"}`, `{"FirstName": ""}`, `{"FirstName": "\u0000"}`, `{"Email": " a@b.c "}`)
	add(200, "", "a list of one stands for the object (assumed: conversion)", `{"UserFields": [{"ClientId": "a"}]}`)
	add(422, "", "the body is no object", ``, `null`, `[]`, `"x"`, `1`, `true`, `{`, `{"FirstName": }`, `{'FirstName': 'a'}`, `<a/>`)
	add(422, "ChildrenCount", "cannot be converted", `{"ChildrenCount": "many"}`, `{"ChildrenCount": 1.5}`, `{"ChildrenCount": 9999999999}`, `{"ChildrenCount": []}`)
	add(422, "Gender", "there is no such member", `{"Gender": "F"}`, `{"Gender": 9}`, `{"Gender": {}}`)
	add(422, "Birthday", "is no date", `{"Birthday": "yesterday"}`, `{"Birthday": "1990-13-01"}`)
	add(422, "CustomToken", "is no UUID", `{"CustomToken": "x"}`, `{"CustomToken": 5}`)
	add(422, "FirstName", "an object or a list is no string", `{"FirstName": {}}`, `{"FirstName": ["a"]}`)
	add(422, "UserFields", "is no object", `{"UserFields": "x"}`, `{"UserFields": [1, 2]}`)
	add(422, "Status", "there is no such member", `{"Status": "Gone"}`)
	return out
}

// Odd requests get the answers that ASP.NET Core gives.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	all := append(append(oddPaths(), oddHeaders()...), oddBodies()...)
	for _, o := range all {
		r := w.do(t, o.method, o.path, o.h, o.body)
		if r.HTTP != o.status || o.keys != "" && r.keys() != o.keys {
			t.Errorf("%s: %d with entries for %q, want %d with %q: %s", o.name, r.HTTP, r.keys(), o.status, o.keys, o.why)
		}
	}
	if len(all) < 125 {
		t.Errorf("only %d requests", len(all))
	}
}

// And on the wire, in the versions of HTTP.
func TestOddRequestsOnTheWire(t *testing.T) {
	t.Parallel()
	served, _ := serving(t, sandbox.Options{})
	address := strings.TrimPrefix(served, "http://")
	const credentials = "InstanceId: " + sandbox.InstanceID + "\r\nInstanceKey: " + sandbox.InstanceKey + "\r\nContent-Type: application/json\r\n"
	for _, c := range []struct{ name, request, status, why string }{
		{"HTTP/1.0", "POST " + createPath + " HTTP/1.0\r\n" + credentials + "Content-Length: 2\r\n\r\n{}", "200", "1.0 needs no Host"},
		{"HTTP/1.1", "POST " + createPath + " HTTP/1.1\r\nHost: x\r\n" + credentials + "Content-Length: 2\r\n\r\n{}", "200", "any Host will do"},
		{"no Host", "POST " + createPath + " HTTP/1.1\r\n" + credentials + "Content-Length: 2\r\n\r\n{}", "400", "Kestrel wants a Host in 1.1"},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", "Kestrel wants one"},
		{"chunked", "POST " + createPath + " HTTP/1.1\r\nHost: x\r\n" + credentials + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "200", "a body in chunks is a body"},
		{"a proxy's form", "POST http://x" + createPath + " HTTP/1.1\r\nHost: x\r\n" + credentials + "Content-Length: 2\r\n\r\n{}", "200", "an absolute target is its path"},
		{"HTTP/3.0 in text", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505", "there is no such version on this connection"},
		{"no version", "GET /\r\n\r\n", "400", "not a request line"},
		{"a length that is none", "POST " + createPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n{}", "400", "not a number"},
		{"headers in lower case", "POST " + createPath + " HTTP/1.1\r\nhost: x\r\n" + strings.ToLower(credentials) + "content-length: 2\r\n\r\n{}", "200", "names of headers have no case"},
		{"a method in lower case", "post " + createPath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "405", "methods have a case"},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, c.request); err != nil {
			t.Error(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if fields := strings.Fields(line); err != nil || len(fields) < 2 || fields[1] != c.status {
			t.Errorf("%s: %q (%v), want %s: %s", c.name, line, err, c.status, c.why)
		}
		_ = conn.Close()
	}
}
