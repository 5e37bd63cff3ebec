package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

func (w *world) fill(t testing.TB, users int, from uint64) {
	t.Helper()
	if err := w.box.Fill(context.Background(), seed.Fleet{Users: users, Seed: from}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) export(t testing.TB) string {
	t.Helper()
	var out bytes.Buffer
	n, err := w.box.Export(context.Background(), &out)
	if err != nil || n != strings.Count(out.String(), "\n") {
		t.Fatalf("%d users, %v", n, err)
	}
	return out.String()
}

func TestTheSameSeedTheSameFleet(t *testing.T) {
	a, b, c := newWorld(t, sandbox.Options{}), newWorld(t, sandbox.Options{Dir: t.TempDir()}),
		newWorld(t, sandbox.Options{})
	a.fill(t, 1200, 7)
	b.fill(t, 1200, 7)
	c.fill(t, 1200, 8)
	if a.export(t) != b.export(t) {
		t.Error("two fleets of one seed")
	}
	if a.export(t) == c.export(t) {
		t.Error("one fleet of two seeds")
	}
	a.fill(t, 1200, 7) // they are there already
	if got := strings.Count(a.export(t), "\n"); got != 1200 {
		t.Errorf("%d users after the same fleet again", got)
	}
}

func TestAFleetIsPlausible(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.fill(t, 2000, 7)
	as := w.asAdmin(t)
	count := func(filter string) int {
		return w.list(t, as, `{"PageNumber": 1, "PageSize": 1, `+filter+`}`).TotalUsers
	}
	all := `"ShowInactiveUsers": true, `
	for filter, between := range map[string][2]int{
		all + `"Sort": "DateCreated"`:                                          {2000, 2000},
		`"ShowInactiveUsers": false`:                                           {1800, 1990},
		all + `"ActivityStatuses": ["Active"]`:                                 {1000, 1200},
		all + `"ActivityStatuses": ["NoData"]`:                                 {280, 440},
		all + `"Country": "Canada"`:                                            {140, 270},
		all + `"RtdEnabled": true`:                                             {70, 180},
		all + `"InstanceIds": ["` + seed.SecondInstanceID + `"]`:               {400, 800},
		all + `"DateCreatedFrom": "2024-01-01", "DateCreatedTo": "2025-01-01"`: {600, 730},
	} {
		if got := count(filter); got < between[0] || got > between[1] {
			t.Errorf("%s: %d, want %v", filter, got, between)
		}
	}
}

// mobileNumbers are those of the countries of a fleet in E.164, whole.
var mobileNumbers = map[string]string{
	"United States of America": `\+1[2-9]\d{2}[2-9][2-9]\d{5}`,
	"Canada":                   `\+1(204|250|403|416|514|604|613|780|819|902|905)[2-9][2-9]\d{5}`,
	"Germany":                  `\+4915\d{9}`, "Brazil": `\+55[1-9]\d9\d{8}`, "India": `\+91[6-9]\d{9}`,
	"United Kingdom": `\+447[4-9]\d{8}`, "France": `\+33[67]\d{8}`,
	"Spain": `\+34[67]\d{8}`, "Italy": `\+393\d{9}`, "Mexico": `\+52(33|55|81)\d{8}`, "Netherlands": `\+316[1-58]\d{7}`,
	"Poland": `\+48[5-8]\d{8}`,
	"Japan":  `\+81[789]0\d{8}`, "Australia": `\+614\d{8}`, "South Africa": `\+27[678]\d{8}`, "Turkey": `\+905\d{9}`,
}

func TestEveryUserOfAFleetIsPlausible(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	w.fill(t, 1000, 7)
	emails, phones, countries := map[string]bool{}, map[string]bool{}, map[string]bool{}
	districts, cities := map[string]string{}, map[string]string{} // of what
	inside := func(where map[string]string, inner, outer string) {
		if was, ok := where[inner]; ok && was != outer || inner == "" {
			t.Errorf("%q is in %s and in %s", inner, was, outer)
		}
		where[inner] = outer
	}
	for _, u := range w.list(t, w.asAdmin(t),
		`{"PageNumber": 1, "PageSize": 1000, "Sort": "LastName", "ShowInactiveUsers": true}`).Users {
		text := func(name string) string { value, _ := u.UserProfile[name].(string); return value }
		emails[text("Email")], phones[text("Phone")], countries[text("Country")] = true, true, true
		inside(districts, text("District"), text("Country"))
		inside(cities, text("City"), text("District"))
		if want := mobileNumbers[text("Country")]; want == "" || !regexp.MustCompile("^"+want+"$").
			MatchString(text("Phone")) {
			t.Errorf("a phone of %s: %s", text("Country"), text("Phone"))
		}
		if born, registered := text("Birthday"), u.DateCreated; born[:4] > "2007" || registered < "2023" ||
			registered >= "2026" {
			t.Errorf("born %s, registered %s", born, registered)
		}
		device := u.MobileDevice
		if (u.ActivityStatus == "No Data") != (device["DeviceModel"] == nil) ||
			(device["DeviceModel"] == nil) != (device["OsType"] == nil) {
			t.Errorf("%s with a phone %v", u.ActivityStatus, device)
		}
		if os := device["OsType"]; os != nil && (*os == "iOS") != strings.HasPrefix(*device["DeviceModel"], "iPhone") {
			t.Errorf("a %s with %s", *device["DeviceModel"], *os)
		}
	}
	if len(emails) != 1000 || len(phones) != 1000 || len(countries) != len(mobileNumbers) {
		t.Errorf("%d addresses, %d phones, %d countries", len(emails), len(phones), len(countries))
	}
	for city, want := range map[string]string{"Boston": "Massachusetts", "Montréal": "Québec", "München": "Bayern",
		"Mumbai": "Maharashtra"} {
		if cities[city] != want {
			t.Errorf("%s is in %q", city, cities[city])
		}
	}
}

func TestWhatIsExportedCanBeImported(t *testing.T) {
	from := newWorld(t, sandbox.Options{})
	from.fill(t, 700, 7)
	from.register(t, `{"FirstName": "Ada", "ImageUrl": "https://example.com/a.png", "Status": "Deactivated"}`)
	from.register(t, `{}`)
	lines := from.export(t)
	onBothEngines(t, func(t *testing.T, w *world) {
		n, err := w.box.Import(t.Context(), strings.NewReader(lines))
		if err != nil || n != 702 {
			t.Fatalf("%d, %v", n, err)
		}
		if w.export(t) != lines {
			t.Error("what was imported is exported otherwise")
		}
		if _, err := w.box.Import(t.Context(), strings.NewReader(lines)); !failure.Is(err, failure.Invalid) ||
			!strings.Contains(err.Error(), "line 1: ") {
			t.Errorf("the same users again: %v", err)
		}
	})
}

func TestImportedLines(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	n, err := w.box.Import(t.Context(), strings.NewReader(`
{"DeviceToken": "8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70", "DateCreated": "2025-01-02T03:04:05Z", `+
		`"UserFields": {"ClientId": "c-1"}}

{"UserProfile": {"FirstName": "Ada"}}`))
	if err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	p := w.find(t, w.asAdmin(t), "ClientId=c-1")
	if len(p) != 1 || p[0].DeviceToken != "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70" ||
		p[0].DateCreated != "2025-01-02T03:04:05" || *p[0].AccountInfo["InstanceId"] != sandbox.InstanceID {
		t.Errorf("got %+v", p)
	}
	for text, want := range map[string]string{
		"{}\n{":                                "line 2: ",
		"{}\n\n[]":                             "line 3: ",
		`{"DeviceToken": "x"}`:                 "DeviceToken",
		`{"UserProfile": {"Gender": "F"}}`:     "Gender",
		`{"AccountInfo": {"InstanceId": "x"}}`: "unknown instance",
	} {
		if _, err := w.box.Import(t.Context(), strings.NewReader(text)); !failure.Is(err, failure.Invalid) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := w.box.Import(t.Context(), strings.NewReader("[]")); !failure.HasReason(err, server.ReasonLine) {
		t.Errorf("the reason: %v", err)
	}
}

func TestFillingEndsWithItsContext(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.box.Fill(ctx, seed.Fleet{Users: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
