package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/fleet/report"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

// user makes a user of a country and a platform, with some flags on.
func user(activity, os, country string, created time.Time, on ...string) userservice.User {
	u := userservice.User{DeviceToken: uuid.NewString(), ActivityStatus: activity, DateCreated: created}
	if os != "" {
		u.MobileDevice = userservice.MobileDevice{OsType: os, SdkVersion: "7.0.4", AppVersion: "2.7"}
	}
	if country != "" {
		u.Fields.Put(field.MustGet("Country"), country)
	}
	for _, name := range report.FlagNames {
		u.Fields.Put(field.MustGet(name), false)
	}
	for _, name := range on {
		u.Fields.Put(field.MustGet(name), true)
	}
	return u
}

func small() *report.Report {
	r := report.New()
	for _, u := range []userservice.User{
		user("Active", "iOS", "Germany", at("2026-01-01"), "EnableTracking", "Enabled"),
		user("Active", "Android", "Germany", at("2026-01-04"), "EnableTracking", "EnableLogging", "Enabled"),
		user("Lost", "iOS", "France", at("2026-01-20"), "EnableTracking"),
		user("No Data", "", "", time.Time{}),
	} {
		r.Add(&u)
	}
	return r
}

func TestTheJSONOfAReport(t *testing.T) {
	got, err := json.Marshal(small())
	want := `{"Users":4,"By":{"ActivityStatus":{"Active":2,"Lost":1,"No Data":1},"OsType":{"":1,"Android":1,"iOS":2},` +
		`"SdkVersion":{"":1,"7.0.4":3},"AppVersion":{"":1,"2.7":3},"Country":{"":1,"France":1,"Germany":2},` +
		`"Flags":{"EnableTracking":3,"EnableLogging":1,"EnableRealTimeLocation":0,"Enabled":2},` +
		`"Registered":{"":1,"2026-W01":2,"2026-W04":1}}}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

// A week begins on its Monday, over the turn of a year too.
func TestWeeks(t *testing.T) {
	for day := at("2018-01-01"); day.Year() < 2032; day = day.AddDate(0, 0, 1) {
		monday := report.Monday(report.Week(day))
		if monday.Weekday() != time.Monday || day.Before(monday) || day.Sub(monday) >= 7*24*time.Hour {
			t.Fatalf("%s is in %s, from %s", day, report.Week(day), monday)
		}
	}
	weeks := small().RecentWeeks(4)
	if got := fmt.Sprint(weeks); got != "[{Registered 2026-W01 2} {Registered 2026-W02 0} {Registered 2026-W03 0} "+
		"{Registered 2026-W04 1}]" {
		t.Error(got)
	}
	if got := report.New().RecentWeeks(4); got != nil {
		t.Error(got)
	}
}

func TestConditions(t *testing.T) {
	for text, holds := range map[string]bool{
		"logging>0": true, "logging>1": false, "logging >= 1": true, "EnableLogging=1": true, "enable-logging!=1": false,
		"realtime==0": true,
		"users<100":   true, "users>=5": false, "lost>0": true, "nodata>25%": false, "No Data>=25%": true, "error>0": false,
		"active<=50%":        true,
		"SdkVersion:7.0.4>2": true, "sdk-version:9>0": false, "country:germany=2": true, "OsType:>0": true,
		"Registered:2026-W01=2": true,
		"flags:logging>0":       true, "ActivityStatus:NoData=1": true, "tracking<74.9%": false,
	} {
		c, err := report.ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if f, got := c.Holds(small()); got != holds {
			t.Errorf("%s: %v of %+v", text, got, f)
		}
	}
	for _, text := range []string{"", "logging", "logging>", "logging>many", "shoe>1", "Shoe:1>1", "users>5%", ">5",
		"flags:shoe>1", "logging>0 users>0"} {
		if c, err := report.ParseCondition(text); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
	if c, err := report.ParseCondition("lost>0%"); err != nil {
		t.Error(err)
	} else if _, holds := c.Holds(report.New()); holds {
		t.Error("something of nobody")
	}
}

func TestTheTextForPrometheus(t *testing.T) {
	r := small()
	odd := user("Active", "iOS", "a\"b\\c\nd", at("2026-01-20"))
	r.Add(&odd)
	var b strings.Builder
	if err := r.WriteProm(&b, "i-1", at("2026-01-28")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# HELP telematicsctl_users Users of the instance.\n# TYPE telematicsctl_users " +
			"gauge\ntelematicsctl_users{instance_id=\"i-1\"} 5\n",
		`telematicsctl_users_by_activity{instance_id="i-1",activity_status="No Data"} 1` + "\n",
		`telematicsctl_users_by_flag{instance_id="i-1",flag="EnableLogging"} 1` + "\n",
		`telematicsctl_users_by_country{instance_id="i-1",country="a\"b\\c\nd"} 1` + "\n",
		`telematicsctl_users_registered_last_week{instance_id="i-1"} 2` + "\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// Each user counts once, although users are added and removed while the list is read.
func TestAListThatMoves(t *testing.T) {
	var all []userservice.User
	for i := range 30_000 {
		all = append(all, user("Active", "iOS", fmt.Sprint("country ", i%7), at("2026-01-01")))
	}
	calls := 0
	fetch := func(_ context.Context, number, size int) (fleet.Page, error) {
		if calls++; calls%3 == 0 {
			all = all[700:] // those who were read move away
		}
		from := min((number-1)*size, len(all))
		to := min(from+size, len(all))
		return fleet.Page{Users: all[from:to], Total: len(all), More: to < len(all)}, nil
	}
	r, err := report.Read(t.Context(), fetch)
	if err != nil || r.Users != 30_000 {
		t.Errorf("%d, %v", r.Users, err)
	}
}
