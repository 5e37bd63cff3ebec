package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

func (w *world) fill(t testing.TB, users int, seed uint64) {
	t.Helper()
	if err := w.box.Fill(context.Background(), sandbox.Fleet{Users: users, Seed: seed}); err != nil {
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
	a, b, c := newWorld(t, sandbox.Options{}), newWorld(t, sandbox.Options{Dir: t.TempDir()}), newWorld(t, sandbox.Options{})
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
		all + `"InstanceIds": ["` + sandbox.SecondInstanceID + `"]`:            {400, 800},
		all + `"DateCreatedFrom": "2024-01-01", "DateCreatedTo": "2025-01-01"`: {600, 730},
	} {
		if got := count(filter); got < between[0] || got > between[1] {
			t.Errorf("%s: %d, want %v", filter, got, between)
		}
	}
	emails := map[string]bool{}
	for _, u := range w.list(t, as, `{"PageNumber": 1, "PageSize": 1000, "Sort": "LastName"}`).Users {
		email, _ := u.UserProfile["Email"].(string)
		emails[email] = true
		if (u.ActivityStatus == "No Data") != (u.MobileDevice["DeviceModel"] == nil) {
			t.Errorf("%s with a phone %v", u.ActivityStatus, u.MobileDevice)
		}
	}
	if len(emails) != 1000 {
		t.Errorf("%d different addresses", len(emails))
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
		if _, err := w.box.Import(t.Context(), strings.NewReader(lines)); !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), "line 1 ") {
			t.Errorf("the same users again: %v", err)
		}
	})
}

func TestImportedLines(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	n, err := w.box.Import(t.Context(), strings.NewReader(`
{"DeviceToken": "8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70", "DateCreated": "2025-01-02T03:04:05Z", "UserFields": {"ClientId": "c-1"}}

{"UserProfile": {"FirstName": "Ada"}}`))
	if err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	p := w.find(t, w.asAdmin(t), "ClientId=c-1")
	if len(p) != 1 || p[0].DeviceToken != "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70" || p[0].DateCreated != "2025-01-02T03:04:05" || *p[0].AccountInfo["InstanceId"] != sandbox.InstanceID {
		t.Errorf("got %+v", p)
	}
	for text, want := range map[string]string{
		"{}\n{":                                "line 2 ",
		"{}\n\n[]":                             "line 3 ",
		`{"DeviceToken": "x"}`:                 "DeviceToken",
		`{"UserProfile": {"Gender": "F"}}`:     "Gender",
		`{"AccountInfo": {"InstanceId": "x"}}`: "no instance",
	} {
		if _, err := w.box.Import(t.Context(), strings.NewReader(text)); !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFillingEndsWithItsContext(t *testing.T) {
	w := newWorld(t, sandbox.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.box.Fill(ctx, sandbox.Fleet{Users: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
