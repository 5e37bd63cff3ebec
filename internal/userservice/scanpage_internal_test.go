package userservice

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

const scannedID = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"

// pageOf is the answer to a list, with one user of these members besides the DeviceToken.
func pageOf(members string) string {
	return `{"Result":{"Users":[{"DeviceToken":"` + scannedID + `",` + members +
		`}],"HasNextPage":false,"TotalUsers":1,"CurrentPage":1},"Status":200,"Title":"","Errors":[]}`
}

// decodedPage is what encoding/json reads of an answer.
func decodedPage(answer []byte) (page readPage, err error) {
	e, err := decodeEnvelope(answer, false)
	if err == nil {
		err = json.Unmarshal(e.Result, &page)
	}
	return page, err
}

// Whatever the service writes in a user: a page is read in one pass, and what is read is what is
// decoded.
func TestAPageIsReadAsItIsDecoded(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"as the service writes it": `"DateCreated":"2026-03-01T10:20:30.123","Status":"Active","ActivityStatus":"No Data",` +
			`"UserProfile":{"FirstName":"Ada","LastName":null,"Birthday":"1990-05-31T00:00:00","ChildrenCount":0},` +
			`"MobileDevice":{"MobileUid":"m","DeviceModel":"d","OsType":"iOS","OsVersion":"1","SdkVersion":"2",` +
			`"AppVersion":"3","VirtualImei":"v"},"AccountInfo":` +
			`{"CompanyId":"5A4DB0C5000040008000000000000001",` +
			`"CompanyName":"c","ApplicationId":null,"ApplicationName":"a",` +
			`"InstanceId":"` + scannedID + `","InstanceName":"i"},` +
			`"UserWallets":null,"UserFields":[{"ClientId":"c-1","EnableTracking":true,"Enabled":false}]`,
		"nulls": `"DateCreated":null,"Status":null,"ActivityStatus":null,"UserProfile":null,"MobileDevice":null,` +
			`"AccountInfo":null,"UserFields":null`,
		"other types": `"DateCreated":17,"Status":true,"ActivityStatus":{"a":[1]},` +
			`"UserProfile":{"Phone":49,"Email":[]}`,
		"numbers as text": `"UserProfile":{"ChildrenCount":"2"},"UserFields":[{"ClientId":17,` +
			`"EnableLogging":"True"}]`,
		"UserFields an object":    `"UserFields":{"ClientId":"c","Enabled":1}`,
		"no UserFields":           `"UserFields":[]`,
		"UserFields of two":       `"UserFields":[{"ClientId":"a"},{"ClientId":"b"}]`,
		"UserFields of others":    `"UserFields":[1]`,
		"UserFields twice":        `"UserFields":[{"ClientId":"a"}],"UserFields":[{"Enabled":true}]`,
		"UserFields first":        `"UserFields":[{"ClientId":"a"}],"UserProfile":{"FirstName":"Ada"}`,
		"fields in another place": `"UserFields":[{"FirstName":"a","ClientId":"b"}],"UserProfile":{"ClientId":"c"}`,
		"a Status of a field":     `"Status":"Inactive","UserProfile":{"Status":"Active"}`,
		"names in other cases":    `"status":"Inactive","userProfile":{"firstName":"Ada"},"MobileDevice":{"OSTYPE":"iOS"}`,
		"names with an escape":    `"Stat\u0075s":"Inactive","UserProfile":{"F\u0069rstName":"Ada"}`,
		"names of a new kind": `"Novelty":[{"a":{}},-1.5e+3,"\n"],"UserProfile":{"Novel":1,"é":2},` +
			`"MobileDevice":{"New":{}}`,
		"a name twice":         `"Status":"Active","Status":null,"UserProfile":{"Email":"a","Email":null}`,
		"two profiles":         `"UserProfile":{"Email":"a"},"UserProfile":{"Email":null,"Phone":"1"}`,
		"both pictures":        `"UserProfile":{"ImageUrl":"https://a/1","ExternalImageUrl":"https://a/2"}`,
		"the pictures swapped": `"UserProfile":{"ExternalImageUrl":"https://a/2","ImageUrl":"https://a/1"}`,
		"one picture":          `"UserProfile":{"ExternalImageUrl":"","ImageUrl":"https://a/1"}`,
		"letters":              `"UserProfile":{"FirstName":"Zo\u00eb","LastName":"Łódź 🚗"}`,
		"lone surrogates":      `"UserProfile":{"FirstName":"\ud83d","LastName":"\ude97\ud83d"}`,
		"broken UTF-8":         "\"UserProfile\":{\"FirstName\":\"a\xff\"}",
		"white space":          "\n\t\"Status\" : \"Active\" , \"UserProfile\" : { } , \"UserFields\" : [ { } ]\r\n",
		"a device of text":     `"MobileDevice":"iPhone"`,
		"a list for a profile": `"UserProfile":[]`,
		"another DeviceToken":  `"DeviceToken":"{8F14E45FCEEA467F8B3E2C1D6E5B9A70}"`,
		"the zero DeviceToken": `"DeviceToken":"00000000-0000-0000-0000-000000000000"`,
		"no number":            `"ChildrenCount":01`,
		"a number of nothing":  `"ChildrenCount":-`,
		"a control character":  "\"Status\":\"a\nb\"",
		"an unknown escape":    `"Status":"\x"`,
		"half an escape":       `"Status":"\u12"`,
		"a comma too many":     `"Status":"Active",`,
		"no value":             `"Status":,"ActivityStatus":1`,
		"half a word":          `"Status":nul`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameAsDecoded(t, []byte(pageOf(members)))
		})
	}
	page, ok := scanPage([]byte(pageOf(`"Novelty":[1],"status":"Inactive"`)), &ListQuery{})
	if !ok || len(page.Users) != 1 || page.Users[0].Status != "Inactive" {
		t.Errorf("a user with a name in another case made the page be decoded: %+v", page)
	}
}

// sameAsDecoded holds what one pass reads of a page to what is decoded of it.
func sameAsDecoded(t *testing.T, answer []byte) {
	t.Helper()
	page, ok := scanPage(answer, &ListQuery{})
	decoded, err := decodedPage(answer)
	switch {
	case ok && err != nil:
		t.Fatalf("%q is read, and cannot be decoded: %v", answer, err)
	case ok && !reflect.DeepEqual(page, decoded):
		t.Fatalf("%q\nread    %+v\ndecoded %+v", answer, page, decoded)
	}
	country, logging := field.MustGet("Country"), field.MustGet("EnableLogging")
	only := &Only{Fields: []*field.Field{country, logging}, Activity: true, Device: true}
	some, ok := scanPage(answer, &ListQuery{Only: only})
	if !ok {
		return
	}
	if err != nil || len(some.Users) != len(decoded.Users) {
		t.Fatalf("%q: %d of %d users are read (%v)", answer, len(some.Users), len(decoded.Users), err)
	}
	for i, got := range some.Users {
		want := decoded.Users[i]
		for _, f := range []*field.Field{country, logging, field.MustGet("Status")} {
			a, _ := got.Fields.Value(f)
			if b, _ := want.Fields.Value(f); a != b {
				t.Errorf("%q: %s is %v, decoded %v", answer, f.Name, a, b)
			}
		}
		if got.DeviceToken != want.DeviceToken || got.Status != want.Status || got.ActivityStatus != want.ActivityStatus ||
			got.MobileDevice != want.MobileDevice || !got.DateCreated.Equal(want.DateCreated) {
			t.Errorf("%q\nread    %+v\ndecoded %+v", answer, got, want)
		}
	}
}

// What is around the users decides whether a page is read at all.
func TestAnEnvelopeIsReadAsItIsDecoded(t *testing.T) {
	t.Parallel()
	for answer, fast := range map[string]bool{
		`{"Result":{"Users":[]},"Status":200,"Title":""}`:                           true,
		` { "Status" : 200 , "Result" : { "Users" : null } } `:                      true,
		`{"Result":{"Users":[],"New":{}},"Status":200,"TraceId":"x"}`:               true,
		`{"Result":{"TotalUsers":"7","HasNextPage":"True"},"Status":200}`:           true,
		`{"Result":{"Users":[]},"Status":2000}`:                                     false,
		`{"Result":{"Users":[]},"Status":"200"}`:                                    false,
		`{"Result":{"Users":[]},"Status":500}`:                                      false,
		`{"Result":{"Users":[]},"Status":200} {}`:                                   false,
		`{"Result":{"Users":[]},"Status":200,}`:                                     false,
		`{"Result":{"Users":[]},"Status":200`:                                       false,
		`{"Result":{"Users":[,]},"Status":200}`:                                     false,
		`{"Result":{"Users":[]},"Result":{},"Status":200}`:                          false,
		`{"Result":{"Users":[]},"status":422,"Status":200}`:                         false,
		`{"Result":{"Users":[]},"Status":200,"Title":7}`:                            false,
		`{"Result":{"Users":[]},"Status":200,"Errors":[{"Key":"a","Message":"b"}]}`: false,
		`{"Result":{"users":[]},"Status":200}`:                                      false,
		`{"Result":{"Users":{}},"Status":200}`:                                      false,
		`{"Result":{"Users":[{}]},"Status":200}`:                                    false,
		`{"Result":{"Users":[{"DeviceToken":"x"}]},"Status":200}`:                   false,
		`{"Result":{"Users":[null]},"Status":200}`:                                  false,
		`{"Result":null,"Status":200}`:                                              false,
		`{"Result":[],"Status":200}`:                                                false,
		`{"Status":200,"Title":""}`:                                                 false,
		`<html>`:                                                                    false,
		"\xef\xbb\xbf" + `{"Result":{"Users":[]},"Status":200}`:                     false,
		`{}`: false,
		``:   false,
	} {
		if _, ok := scanPage([]byte(answer), &ListQuery{}); ok != fast {
			t.Errorf("%s: read in one pass: %v", answer, ok)
		}
		sameAsDecoded(t, []byte(answer))
	}
}

// What one pass reads of any answer is what is decoded of it.
func FuzzPage(f *testing.F) {
	for _, members := range []string{
		`"Status":"Inactive","UserProfile":{"FirstName":"\ud83d","ChildrenCount":"2","Country":"DE"},` +
			`"MobileDevice":{"OsType":1}`,
		`"DateCreated":"2026-03-01T10:20:30","AccountInfo":{"InstanceId":"x"},` +
			`"UserFields":[{"ClientId":17,"EnableLogging":"True"}]`,
		`"UserFields":{"Enabled":1},"Novelty":[-0.5E-7,true,{"":{}}],"status":null`,
	} {
		f.Add([]byte(pageOf(members)))
	}
	f.Fuzz(sameAsDecoded)
}
