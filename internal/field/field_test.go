package field_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestOneFieldHasManySpellings(t *testing.T) {
	for name, spellings := range map[string][]string{
		"FirstName":              {"FirstName", "firstName", "first_name", "first-name", "First Name", " FIRSTNAME "},
		"ClientId":               {"ClientId", "UserFields.ClientId", "client_id", "userfields.client-id"},
		"EnableTracking":         {"EnableTracking", "tracking", "UserFields.EnableTracking"},
		"EnableRealTimeLocation": {"EnableRealTimeLocation", "EnableRealtimeLocation", "realtime"},
		"ImageUrl":               {"ImageUrl", "ExternalImageUrl", "image-url"},
	} {
		for _, s := range spellings {
			f, ok := field.Lookup(s)
			if !ok || f.Name != name {
				t.Errorf("Lookup(%q) is %v, want %s", s, f, name)
			}
		}
	}
	for _, s := range []string{"", "Firstname2", "UserFields.FirstName", "UserFields", "DeviceToken"} {
		if f, ok := field.Lookup(s); ok {
			t.Errorf("Lookup(%q) found %s", s, f.Name)
		}
	}
}

// The service validates nothing; these are the rules that the tool holds in its place.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		field, in string
		out       any // nil: refused
	}{
		{"Email", "ada@example.com", "ada@example.com"},
		{"Email", "a.b+c@sub.example.co.uk", "a.b+c@sub.example.co.uk"},
		{"Email", "ada@münchen.de", "ada@münchen.de"},
		{"Email", "ada@example", nil},
		{"Email", "Ada <ada@example.com>", nil},
		{"Email", "ada@@example.com", nil},
		{"Email", "ada@exa mple.com", nil},
		{"Email", "ada@1.2.3.4", nil},
		{"Email", "ada@-x.com", nil},
		{"Email", strings.Repeat("x", 65) + "@example.com", nil},
		{"Email", "", nil},
		{"Phone", "+49 170 1234567", "+491701234567"},
		{"Phone", "+4917012345678901", nil},
		{"Phone", "+0123", nil},
		{"Phone", "0170 1234567", "01701234567"},
		{"Phone", "call me", nil},
		{"Phone", "4.91701E+11", nil}, // as a spreadsheet shows what it took for a number
		{"Phone", "4,91701e+11", nil},
		{"Phone", "491701234567.0", nil}, // as a data frame writes it
		{"Phone", "0170.123.45.0", "0170123450"},
		{"Gender", "fEMALE", "Female"},
		{"Gender", "F", nil},
		{"Status", "deactivated", "Deactivated"},
		{"Status", "Deleted", nil},
		{"Birthday", "1990-05-31", "1990-05-31T00:00:00Z"},
		{"Birthday", "2019-12-13T06:19:18.837Z", "2019-12-13T06:19:18.837Z"},
		{"Birthday", "2019-12-13T06:19:18+02:00", "2019-12-13T06:19:18+02:00"},
		{"Birthday", "2026-11-22T12:00:01Z", nil},
		{"Birthday", "1990-02-30", nil},
		{"Birthday", "31.05.1990", nil},
		{"ChildrenCount", "0", int64(0)},
		{"ChildrenCount", " 3 ", int64(3)},
		{"ChildrenCount", "-1", nil},
		{"ChildrenCount", "2.5", nil},
		{"ChildrenCount", "99999999999", nil},
		{"ImageUrl", "https://example.com/a.png", "https://example.com/a.png"},
		{"ImageUrl", "/a.png", nil},
		{"ImageUrl", "ftp://example.com/a", nil},
		{"CustomToken", "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70}", "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"},
		{"CustomToken", "8f14e45fceea467f8b3e2c1d6e5b9a70", "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"},
		{"CustomToken", "8f14e45f", nil},
		{"EnableTracking", "On", true},
		{"EnableTracking", "no", false},
		{"EnableTracking", "1", true},
		{"EnableTracking", "maybe", nil},
		{"MaritalStatus", "4", "4"},
		{"Nickname", "", ""},
	} {
		got, err := field.MustGet(c.field).ParseText(c.in, now)
		if (err != nil) != (c.out == nil) || (err == nil && got != c.out) {
			t.Errorf("%s %q: got %v, %v; want %v", c.field, c.in, got, err, c.out)
		}
		if err != nil && c.in != "" && !strings.Contains(err.Error(), c.in[:1]) {
			t.Errorf("%s: the message does not name the value: %v", c.field, err)
		}
	}
}

func TestOnlyWhatWasSaidIsSent(t *testing.T) {
	r := field.Reader{Use: field.Create, Now: now}
	r.Text(field.MustGet("EnableLogging"), "off")
	r.Text(field.MustGet("FirstName"), "Ada")
	r.Text(field.MustGet("ClientId"), "c-1")
	r.Text(field.MustGet("ImageUrl"), "https://example.com/a.png")
	if r.Mistakes != nil {
		t.Fatal(r.Mistakes)
	}
	for use, want := range map[field.Use]string{
		field.Create: `{"FirstName":"Ada","ImageUrl":"https://example.com/a.png","UserFields":{"ClientId":"c-1",` +
			`"EnableLogging":false}}`,
		field.Update: `{"FirstName":"Ada","ExternalImageUrl":"https://example.com/a.png","UserFields":{"ClientId":"c-1",` +
			`"EnableLogging":false}}`,
	} {
		got, err := r.Set.Body(use)
		if err != nil || string(got) != want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, want)
		}
	}
	var none field.Set
	if got, _ := none.Body(field.Create); string(got) != "{}" {
		t.Errorf("nothing said, sent %s", got)
	}
}

func TestJSONBody(t *testing.T) {
	r := field.Reader{Use: field.Create, Now: now}
	r.JSON([]byte(`{"first_name": "Ada", "ChildrenCount": 2, "UserFields": [{"ClientId": 7, "EnableTracking": false}], ` +
		`"City": null}`))
	if r.Mistakes != nil {
		t.Fatal(r.Mistakes)
	}
	got, err := r.Set.Body(field.Create)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"FirstName":"Ada","ChildrenCount":2,"City":null,"UserFields":{"ClientId":"7","EnableTracking":false}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	r := field.Reader{Use: field.Create, Now: now}
	r.JSON([]byte(`{"Email": "x", "ChildrenCount": 1.5, "Shoe": 43, "FirstName": {"a": 1}, ` +
		`"UserFields": {"EnableTracking": "maybe", "FirstName": "x"}}`))
	var keys []string
	for _, m := range r.Mistakes {
		keys = append(keys, m.Key)
	}
	want := "ChildrenCount Email FirstName Shoe UserFields.EnableTracking UserFields.FirstName"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	twice := field.Reader{Use: field.Create, Now: now}
	twice.JSON([]byte(`{"Email": "a@example.com", "email": "b@example.com", "tracking": true, ` +
		`"UserFields": {"EnableTracking": false}}`))
	if len(twice.Mistakes) != 2 {
		t.Errorf("what is said twice: %v", twice.Mistakes)
	}
	for _, bad := range []string{"", "[]", "null x", `{"a":1}{"b":2}`, `"x"`, "null"} {
		r := field.Reader{Use: field.Create, Now: now}
		r.JSON([]byte(bad))
		if len(r.Mistakes) == 0 {
			t.Errorf("%q was taken for a body", bad)
		}
	}
}

func TestLooseSendsItAsItIs(t *testing.T) {
	r := field.Reader{Use: field.Create, Now: now, SkipValidation: true}
	r.JSON([]byte("\xef\xbb\xbf" +
		`{"Email": "x", "Shoe": {"Size": 43}, "ChildrenCount": "many", "UserFields": {"Hat": 58}}`))
	r.Text(field.MustGet("Gender"), "F")
	got, err := r.Set.Body(field.Create)
	want := `{"Email":"x","Gender":"F","ChildrenCount":"many","Shoe":{"Size":43},"UserFields":{"Hat":58}}`
	if err != nil || string(got) != want || r.Mistakes != nil {
		t.Errorf("got  %s (%v, %v)\nwant %s", got, err, r.Mistakes, want)
	}
}

func TestUUIDHasOneSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "uuid")
		for _, in := range []string{u, strings.ToUpper(u), "{" + u + "}", " " + u + "\n"} {
			if got, err := field.ParseUUID(in); err != nil || got != u {
				t.Fatalf("%q: %q, %v", in, got, err)
			}
		}
	})
}

// A DeviceToken is read from flags, pipes and files: whatever comes, the answer is the
// one spelling or an error.
func FuzzParseUUID(f *testing.F) {
	for _, s := range []string{"", "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70}",
		"x8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70y", "urn:uuid:8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70",
		"8f14e45fceea467f8b3e2c1d6e5b9a70"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := field.ParseUUID(s)
		if err != nil {
			return
		}
		if again, err := field.ParseUUID(got); err != nil || again != got {
			t.Errorf("%q is read as %q, and that as %q, %v", s, got, again, err)
		}
		if strings.ReplaceAll(got, "-", "") != strings.ToLower(strings.ReplaceAll(strings.Trim(field.Trim(s), "{}()"),
			"-", "")) {
			t.Errorf("%q became %q", s, got)
		}
	})
}
