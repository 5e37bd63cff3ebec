package sandbox_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// odd is a request that clients, proxies and people send, with the answer that ASP.NET Core with
// Newtonsoft gives, and why. A raw one is sent as it is, in HTTP/1; any other in each version of
// HTTP.
type odd struct {
	shown        string // in the table
	method, path string
	h            headers
	body         string
	raw          string
	status       int
	keys         string // of the entries in Errors
	why          string
}

// oddPart is a part of the table.
type oddPart struct {
	title string
	rows  []odd
}

// add adds a registration for each of the paths.
func (p *oddPart) paths(status int, why string, paths ...string) {
	for _, path := range paths {
		p.rows = append(p.rows, odd{shown: "POST " + path, method: "POST", path: path, h: theInstance, body: `{}`,
			status: status, why: why})
	}
}

// header adds a registration for each of the values of a header.
func (p *oddPart) header(status int, keys, why, name string, values ...string) {
	for _, value := range values {
		p.rows = append(p.rows, odd{shown: name + ": " + value, method: "POST", path: createPath,
			h: theInstance.and(headers{name: value}), body: `{}`, status: status, keys: keys, why: why})
	}
}

// bodies adds a registration for each of the bodies.
func (p *oddPart) bodies(status int, keys, why string, bodies ...string) {
	for _, body := range bodies {
		p.rows = append(p.rows, odd{shown: body, method: "POST", path: createPath,
			h: theInstance.and(headers{"Content-Type": "application/json"}), body: body, status: status, keys: keys, why: why})
	}
}

// dotNETForms are the ways in which .NET reads a UUID.
func dotNETForms(id string) []string {
	bare := strings.ReplaceAll(id, "-", "")
	numbers := fmt.Sprintf("{0x%s,0x%s,0x%s,{", bare[:8], bare[8:12], bare[12:16])
	for i := 16; i < 32; i += 2 {
		numbers += "0x" + bare[i:i+2] + ","
	}
	return []string{id, bare, "{" + id + "}", "(" + id + ")", strings.ToUpper(id), strings.TrimSuffix(numbers, ",") + "}}"}
}

func oddPaths() oddPart {
	p := oddPart{title: "Paths and methods"}
	p.paths(200, "routing ignores case, and a slash at the end",
		createPath, strings.ToLower(createPath), strings.ToUpper(createPath), "/v1/Registration/Create", createPath+"/")
	p.paths(200, "a query that no parameter is bound to is ignored", createPath+"?shoe=43", createPath+"?")
	p.paths(200, "Kestrel decodes the path before it is routed", "/v1/Registration/%63reate", "/v1/%52egistration/create")
	p.paths(404, "no endpoint matches, and the answer has no body", "/v1/Registration", createPath+"/x", "/",
		"/v2/Registration/create", createPath+".json", createPath+"%20", "/v1/instances/x")
	p.paths(404, "an empty segment matches nothing",
		"//v1/Registration/create", "/v1//Registration/create", createPath+"//")
	p.paths(404, "Kestrel leaves an encoded slash as it is: it separates no segments", "/v1/Registration%2Fcreate")
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"} {
		p.rows = append(p.rows, odd{shown: method + " " + createPath, method: method, path: createPath, h: theInstance,
			status: 405, why: "the endpoint takes only POST, as Allow says; empty body"})
	}
	return p
}

func oddHeaders() oddPart {
	p := oddPart{title: "Headers of a registration"}
	p.header(200, "", "System.Guid reads every one of its forms", "InstanceId", dotNETForms(sandbox.InstanceID)...)
	p.header(200, "", "System.Guid reads every one of its forms", "InstanceKey", dotNETForms(sandbox.InstanceKey)...)
	p.header(422, "InstanceId", "it cannot be bound (assumed: headers)", "InstanceId",
		"x", "5a4db0c5", "5a4db0c5-0000-4000-8000-00000000000g", "1", "null")
	p.header(200, "", "the JSON formatter takes application/json, text/json and application/*+json", "Content-Type",
		"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON",
		"text/json", "application/json-patch+json", "application/vnd.api+json")
	p.header(415, "", "no formatter takes it (assumed: content-type)", "Content-Type",
		"text/plain", "application/x-www-form-urlencoded", "text/html", "multipart/form-data", "application/xml", "json",
		"application/json; charset=iso-8859-1")
	p.header(200, "", "what the call does not read is ignored", "Accept", "text/html", "application/xml", "x")
	p.header(200, "", "what the call does not read is ignored", "Content-Encoding", "gzip")
	return p
}

func oddJWTs() oddPart {
	p := oddPart{title: "Headers of a find"}
	for _, scheme := range []string{"", "Basic YTpi", "Bearer", "Bearer x", "Bearer a.b.c", "bearer x", "JWT x", "x"} {
		h := headers{}
		if scheme != "" {
			h["Authorization"] = scheme
		}
		p.rows = append(p.rows, odd{shown: "Authorization: " + scheme, method: "GET", path: usersPath + "/find?Email=x",
			h: h, status: 401, why: "the JWT bearer handler challenges without a body"})
	}
	return p
}

func oddBodies() oddPart {
	p := oddPart{title: "Bodies of a registration"}
	p.bodies(200, "", "every field is optional, and null is none",
		`{}`, ` {} `, `{"FirstName": null}`, `{"UserFields": null}`, `{"Status": null}`)
	p.bodies(200, "", "names go without regard to case; of two the last counts", `{"firstname": "a"}`,
		`{"FIRSTNAME": "a"}`, `{"userFields": {"clientid": "a"}}`, `{"FirstName": 1, "firstName": "a"}`)
	p.bodies(200, "", "unknown members are ignored (assumed: names)",
		`{"Shoe": 43}`, `{"Shoe": {"Size": [43]}}`, `{"UserFields": {"Shoe": 43}}`)
	p.bodies(200, "", "Newtonsoft reads numbers and booleans as strings",
		`{"FirstName": 1}`, `{"FirstName": 1.5}`, `{"FirstName": true}`, `{"UserFields": {"ClientId": 7}}`)
	p.bodies(200, "", "and strings as numbers and booleans", `{"ChildrenCount": "2"}`, `{"ChildrenCount": " 2 "}`,
		`{"CreateAccessToken": "true"}`, `{"CreateAccessToken": "False"}`, `{"UserFields": {"EnableLogging": "true"}}`)
	p.bodies(200, "", "a number is a boolean: 0 is false", `{"CreateAccessToken": 1}`, `{"CreateAccessToken": 0}`,
		`{"CreateAccessToken": 2}`)
	p.bodies(200, "", "an empty string is null for what is not a string",
		`{"ChildrenCount": ""}`, `{"Birthday": ""}`, `{"Gender": ""}`, `{"CustomToken": ""}`)
	p.bodies(200, "", "enums go by name in any case, or by number", `{"Gender": "female"}`, `{"Gender": "FEMALE"}`,
		`{"Gender": 2}`, `{"Gender": "2"}`, `{"Status": "deactivated"}`)
	p.bodies(200, "", "dates come in the forms of ISO 8601", `{"Birthday": "1990-01-02"}`,
		`{"Birthday": "1990-01-02T03:04:05Z"}`, `{"Birthday": "1990-01-02T03:04:05.678+02:00"}`,
		`{"Birthday": "1990-01-02T03:04"}`)
	p.bodies(200, "", "texts are not validated (live)", `{"Email": "nobody"}`, `{"Phone": "☎"}`, `{"FirstName": ""}`,
		`{"FirstName": "\u0000"}`, `{"Email": " a@b.c "}`)
	p.bodies(200, "", "a list of one stands for the object (assumed: conversion)", `{"UserFields": [{"ClientId": "a"}]}`)
	p.bodies(422, "", "the body is not an object", ``, `null`, `[]`, `"x"`, `1`, `true`, `{`, `{"FirstName": }`, `<a/>`)
	p.bodies(422, "ChildrenCount", "Newtonsoft: not a valid integer", `{"ChildrenCount": "many"}`,
		`{"ChildrenCount": 1.5}`, `{"ChildrenCount": 2.0}`, `{"ChildrenCount": 9999999999}`, `{"ChildrenCount": []}`)
	p.bodies(422, "UserFields.EnableLogging", "Newtonsoft: not a boolean", `{"UserFields": {"EnableLogging": "1"}}`,
		`{"UserFields": {"EnableLogging": "yes"}}`)
	p.bodies(422, "Gender", "the value does not exist (of a number, assumed: conversion)",
		`{"Gender": "F"}`, `{"Gender": 9}`, `{"Gender": {}}`)
	p.bodies(422, "Status", "the value does not exist", `{"Status": "Gone"}`)
	p.bodies(422, "Birthday", "not a date", `{"Birthday": "yesterday"}`, `{"Birthday": "1990-13-01"}`)
	p.bodies(422, "CustomToken", "not a UUID", `{"CustomToken": "x"}`, `{"CustomToken": 5}`)
	p.bodies(422, "FirstName", "an object or a list does not become a string", `{"FirstName": {}}`, `{"FirstName": ["a"]}`)
	p.bodies(422, "UserFields", "not an object", `{"UserFields": "x"}`, `{"UserFields": [1, 2]}`)
	return p
}

// oddOnTheWire are requests that no HTTP library writes.
func oddOnTheWire() oddPart {
	p := oddPart{title: "On the wire, in HTTP/1"}
	const keys = "InstanceId: " + sandbox.InstanceID + "\r\nInstanceKey: " + sandbox.InstanceKey +
		"\r\nContent-Type: application/json\r\n"
	add := func(status int, why, line, head, body string) {
		shown := strings.NewReplacer(keys, "", strings.ToLower(keys), "").Replace(head)
		shown = strings.ReplaceAll(strings.Trim(shown, "\r\n"), "\r\n", ", ")
		p.rows = append(p.rows, odd{shown: strings.TrimSuffix(line+", "+shown, ", "),
			raw: line + "\r\n" + head + "\r\n" + body, status: status, why: why})
	}
	const length = "Content-Length: 2\r\n"
	post := "POST " + createPath
	add(200, "1.0 needs no Host", post+" HTTP/1.0", keys+length, "{}")
	add(200, "any Host will do", post+" HTTP/1.1", "Host: x\r\n"+keys+length, "{}")
	add(400, "Kestrel requires a Host in 1.1", post+" HTTP/1.1", keys+length, "{}")
	add(400, "and only one", "GET / HTTP/1.1", "Host: a\r\nHost: b\r\n", "")
	add(200, "a body in chunks is a body", post+" HTTP/1.1", "Host: x\r\n"+keys+"Transfer-Encoding: chunked\r\n",
		"2\r\n{}\r\n0\r\n\r\n")
	add(200, "the body comes when the server says Continue", post+" HTTP/1.1",
		"Host: x\r\nExpect: 100-continue\r\n"+keys+length, "{}")
	add(200, "an absolute target, as clients of a proxy write it, is its path", "POST http://x"+createPath+" HTTP/1.1",
		"Host: x\r\n"+keys+length, "{}")
	add(200, "dots in a path are resolved before it is routed", "POST /v1/x/.././Registration/create HTTP/1.1",
		"Host: x\r\n"+keys+length, "{}")
	add(200, "names of headers have no case", post+" HTTP/1.1", "host: x\r\n"+strings.ToLower(keys+length), "{}")
	add(200, "nor have methods, for routing", "post "+createPath+" HTTP/1.1", "Host: x\r\n"+keys+length, "{}")
	add(505, "the version is not one of this connection", "GET / HTTP/3.0", "Host: x\r\n", "")
	add(400, "a request line has a version", "GET /", "", "")
	add(400, "the length is not a number", post+" HTTP/1.1", "Host: x\r\nContent-Length: two\r\n", "{}")
	return p
}

func oddTable() []oddPart {
	return []oddPart{oddPaths(), oddHeaders(), oddJWTs(), oddBodies(), oddOnTheWire()}
}

// Odd requests get the answers that ASP.NET Core gives, in each version of HTTP.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Options{})
	plain, _ := serving(t, sandbox.Options{})
	config, certificate, err := sandbox.SelfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secure, _ := serving(t, sandbox.Options{TLS: config})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	trusting := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	over := map[string]func(odd) reply{
		"in the process":  func(o odd) reply { return w.do(t, o.method, o.path, o.h, o.body) },
		"HTTP/1.1":        sentIn(t, plain, 1, &http.Transport{}),
		"HTTP/2 over TLS": sentIn(t, secure, 2, &http.Transport{TLSClientConfig: trusting, ForceAttemptHTTP2: true}),
	}
	count := 0
	for _, part := range oddTable() {
		for _, o := range part.rows {
			count++
			if o.raw != "" {
				o.onTheWire(t, plain)
				continue
			}
			for version, do := range over {
				if r := do(o); r.HTTP != o.status || o.keys != "" && r.keys() != o.keys {
					t.Errorf("%s, %s: %d with entries for %q, want %d with %q: %s", o.shown, version, r.HTTP, r.keys(),
						o.status, o.keys, o.why)
				}
			}
		}
	}
	if count < 140 {
		t.Errorf("only %d requests", count)
	}
}

// sentIn sends requests to a server in a version of HTTP.
func sentIn(t *testing.T, base string, version int, transport *http.Transport) func(odd) reply {
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := transport.RoundTrip(r)
		if err == nil && resp.ProtoMajor != version {
			t.Errorf("%s in %s", r.URL.Path, resp.Proto)
		}
		return resp, err
	})}
	return func(o odd) reply { return send(t, client, base, o.method, o.path, o.h, o.body) }
}

// onTheWire sends a request as it is written, and reads the status.
func (o odd) onTheWire(t *testing.T, base string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, o.raw); err != nil {
		t.Error(err)
	}
	answers := bufio.NewReader(conn)
	status := 0
	for { // of the answers the first that is not 1xx
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Errorf("%s: %v", o.shown, err)
			return
		}
		if status = resp.StatusCode; status >= 200 {
			_ = resp.Body.Close()
			break
		}
	}
	if status != o.status {
		t.Errorf("%s: %d, want %d: %s", o.shown, status, o.status, o.why)
	}
}

var update = flag.Bool("update", false, "write docs/odd-requests.md")

// The page with the table is made from it.
func TestThePageOfOddRequests(t *testing.T) {
	t.Parallel()
	const file = "../../docs/odd-requests.md"
	var page bytes.Buffer
	page.WriteString(oddHead)
	for _, part := range oddTable() {
		fmt.Fprintf(&page, "\n## %s\n\n| request | answer | why |\n|---|---|---|\n", part.title)
		for _, o := range part.rows {
			answer := fmt.Sprint(o.status)
			if o.keys != "" {
				answer += " `" + o.keys + "`"
			}
			shown := strings.ReplaceAll(o.shown, "|", `\|`)
			if shown == "" {
				shown = " "
			}
			fmt.Fprintf(&page, "| `%s` | %s | %s |\n", shown, answer, o.why)
		}
	}
	if *update {
		if err := os.WriteFile(file, page.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(file); err != nil || !bytes.Equal(is, page.Bytes()) {
		t.Errorf("docs/odd-requests.md is not the table (%v); run: go test ./internal/sandbox -run OddRequests -update", err)
	}
}

const oddHead = `# Odd requests

What clients, proxies and people send besides the published samples, and what ASP.NET Core with Newtonsoft, which the
service is built with, answers, and why. The sandbox answers so: a test sends each of these inside a process, in
HTTP/1.1, and in HTTP/2 over TLS; those at the end as they are written. A name behind an answer is that of its entry in
` + "`Errors`" + `. What is *assumed* is a choice of the sandbox that nobody has published ([sandbox.md](sandbox.md)).

Where the sandbox is stricter: Newtonsoft takes texts in single quotes, names without quotes, comments, a comma after
the last member, and dates in forms other than ISO 8601. No known client sends them; the sandbox answers 422.

This page is made from the test: ` + "`go test ./internal/sandbox -run OddRequests -update`" + `.
`
