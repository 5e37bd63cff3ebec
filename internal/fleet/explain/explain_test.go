package explain

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	ada  = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	here = "11111111-2222-4333-8444-555555555555"
)

func yes(b bool) *bool { return &b }

func level(n float64) *float64 { return &n }

// recording are the facts of a user whose phone records.
func recording() Facts {
	var u userservice.User
	err := json.Unmarshal([]byte(`{"DeviceToken": "`+ada+`", "Status": "Active", "ActivityStatus": "Active",
		"DateCreated": "2026-01-05T08:00:00", "AccountInfo": {"InstanceId": "`+here+`"},
		"MobileDevice": {"OsType": "iOS", "OsVersion": "18.6", "SdkVersion": "7.0.4", "AppVersion": "2.7"},
		"UserFields": [{"EnableTracking": true, "EnableLogging": false,
			"EnableRealTimeLocation": false, "Enabled": true}]}`), &u)
	if err != nil {
		panic(err)
	}
	return Facts{
		Now: now, DeviceToken: ada, InstanceID: here, User: Said(&u),
		Device: Said(userservice.DeviceStatus{
			HeartbeatDate: now.Add(-time.Hour), WiFi: yes(false), GPS: yes(true), MobileData: yes(true),
			GPSPermission: yes(true), MotionPermission: yes(true), LowPowerMode: yes(false), LowPreciseLocation: yes(false),
			Jailbreak: yes(false), Rooted: yes(false),
		}),
		Trips: Said(userservice.TripDates{LatestTrip: now.Add(-30 * time.Hour),
			LatestScoring: now.Add(-29 * time.Hour)}),
		Statistics: Said(userservice.Statistics{PermissionsLevel: level(100), TrustLevel: level(95)}),
	}
}

func TestAPhoneThatRecordsIsOK(t *testing.T) {
	r := Explain(recording())
	for _, c := range r.Checks {
		if c.State != Good || c.Remedy != RemedyNone {
			t.Errorf("%+v", c)
		}
	}
	if r.Verdict != VerdictOK || len(r.Checks) != 21 {
		t.Errorf("verdict %s of %d checks", r.Verdict, len(r.Checks))
	}
}

// Each cause makes one check what it is, and the verdict with it.
func TestCauseVerdictRemedy(t *testing.T) {
	put := func(name string, value any) func(*Facts) {
		return func(f *Facts) { f.User.Value.Fields.Put(field.MustGet(name), value) }
	}
	device := func(change func(*userservice.DeviceStatus)) func(*Facts) {
		return func(f *Facts) { change(&f.Device.Value) }
	}
	activity := func(status string) func(*Facts) {
		return func(f *Facts) { f.User.Value.ActivityStatus = status }
	}
	trips := func(trip, scoring time.Time) func(*Facts) {
		return func(f *Facts) { f.Trips.Value = userservice.TripDates{LatestTrip: trip, LatestScoring: scoring} }
	}
	permissions := func(n *float64) func(*Facts) {
		return func(f *Facts) { f.Statistics.Value = userservice.Statistics{PermissionsLevel: n} }
	}
	long := now.Add(-20 * 24 * time.Hour)
	for _, c := range []struct {
		cause  string
		change func(*Facts)
		check  string
		state  State
		detail string
		remedy Remedy
	}{
		{"the user is of another instance", func(f *Facts) {
			f.User.Value.AccountInfo = userservice.AccountInfo{InstanceID: "x", InstanceName: "Berlin"}
		},
			"Instance", Broken, "registered in another instance: Berlin (x)", RemedyMoveHere},
		{"the service does not say which instance", func(f *Facts) { f.User.Value.AccountInfo = userservice.AccountInfo{} },
			"Instance", Unknown, "the service does not say", RemedyNone},
		{"the user is deactivated", func(f *Facts) { f.User.Value.Status = "Inactive" },
			"Status", Broken, "Inactive: the user is deactivated", RemedyActivate},
		{"the user is not enabled", put("Enabled", false), "Enabled", Broken, "off: the user is deactivated as a whole",
			RemedyEnable},
		{"tracking is off", put("EnableTracking", false), "EnableTracking", Broken, "off: the phone records no trips",
			RemedyTrack},
		{"logging was left on", put("EnableLogging", true), "EnableLogging", Warning,
			"on: it drains the battery; switch it off after debugging", RemedyStopLogging},
		{"real-time was left on", put("EnableRealTimeLocation", true), "EnableRealTimeLocation", Warning,
			"on: streaming the position drains the battery", RemedyStopRealTime},
		{"the app has never signed in", func(f *Facts) {
			f.User.Value.MobileDevice = userservice.MobileDevice{}
		}, "MobileDevice", Broken,
			"never: the app is not installed, or signs in as somebody else", RemedyNone},
		{"the app has no SDK", func(f *Facts) { f.User.Value.MobileDevice.SdkVersion = "" }, "Versions", Warning,
			"app 2.7, no SDK version: the app may run without the SDK", RemedyNone},
		{"the phone is silent", device(func(d *userservice.DeviceStatus) {
			d.HeartbeatDate = now.Add(-25 * time.Hour)
		}), "HeartbeatDate", Broken,
			"25 hours ago, 2026-11-21 11:00 UTC: the app is removed, offline or without permission", RemedyNone},
		{"the phone never reported", func(f *Facts) { f.Device = Said(userservice.DeviceStatus{}) }, "HeartbeatDate", Broken,
			"none: the phone has never reported", RemedyNone},
		{"no GPS permission", device(func(d *userservice.DeviceStatus) {
			d.GPSPermission = yes(false)
		}), "GPSPermissionGranted", Broken,
			"not granted: allow location, Always, in the phone's settings", RemedyNone},
		{"no motion permission", device(func(d *userservice.DeviceStatus) {
			d.MotionPermission = yes(false)
		}), "MotionPermissionGranted", Broken,
			"not granted: allow motion and fitness in the phone's settings", RemedyNone},
		{"GPS is off", device(func(d *userservice.DeviceStatus) { d.GPS = yes(false) }), "GPSEnabled", Broken,
			"off: switch on location services on the phone", RemedyNone},
		{"an approximate location", device(func(d *userservice.DeviceStatus) {
			d.LowPreciseLocation = yes(true)
		}), "LowPreciseLocation", Warning,
			"off: allow the precise location in the phone's settings", RemedyNone},
		{"low power mode", device(func(d *userservice.DeviceStatus) { d.LowPowerMode = yes(true) }), "LowPowerMode", Warning,
			"on: the system holds the app back; exclude it from power saving", RemedyNone},
		{"offline", device(func(d *userservice.DeviceStatus) { d.MobileData = yes(false) }), "Network", Warning,
			"Wi-Fi and mobile data are off: trips wait on the phone", RemedyNone},
		{"half of the network is not reported", device(func(d *userservice.DeviceStatus) {
			d.MobileData = nil
		}), "Network", Unknown, "not reported", RemedyNone},
		{"rooted", device(func(d *userservice.DeviceStatus) { d.Jailbreak = yes(true) }), "Rooted", Warning,
			"yes: rooted or jailbroken; positions may be forged", RemedyNone},
		{"a member is not reported", device(func(d *userservice.DeviceStatus) {
			d.GPS = nil
		}), "GPSEnabled", Unknown, "not reported", RemedyNone},
		{"no trip ever", trips(time.Time{}, time.Time{}), "LatestTripDate", Warning, "never", RemedyNone},
		{"no trip for long", trips(long, long), "LatestTripDate", Warning, "20 days ago, 2026-11-02 12:00 UTC", RemedyNone},
		{"trips are not scored", trips(now, long), "LatestScoringDate", Warning,
			"20 days ago, 2026-11-02 12:00 UTC: later trips are not scored", RemedyNone},
		{"no trip was scored", trips(long.Add(10*24*time.Hour), time.Time{}), "LatestScoringDate", Warning,
			"never, although there was a trip", RemedyNone},
		{"the first trip is fresh", trips(now.Add(-time.Hour), time.Time{}), "LatestScoringDate", Unknown, "none yet",
			RemedyNone},
		{"few permissions", permissions(level(20)), "PermissionsLevel", Broken, "20 of 100: the phone grants too little",
			RemedyNone},
		{"some permissions", permissions(level(70)), "PermissionsLevel", Warning,
			"70 of 100: the phone does not grant everything", RemedyNone},
		{"no level", permissions(nil), "PermissionsLevel", Unknown, "not reported", RemedyNone},
		{"inactive", activity("Inactive"), "ActivityStatus", Warning,
			"Inactive: only excluded trips within 14 days; the app runs", RemedyNone},
		{"lost", activity("Lost"), "ActivityStatus", Broken,
			"Lost: no trip of any kind within 14 days; the app was removed, or is in trouble", RemedyNone},
		{"no data", activity("No Data"), "ActivityStatus", Broken,
			"No Data: never a trip; the app is not installed, or lacks permissions", RemedyNone},
		{"an error", activity("Error"), "ActivityStatus", Broken,
			"Error: never a usable trip, only invalid ones; device limits, power management or a faulty GPS", RemedyNone},
		{"a status of tomorrow", activity("Asleep"), "ActivityStatus", Unknown, "Asleep: not a status that is documented",
			RemedyNone},
	} {
		t.Run(c.cause, func(t *testing.T) {
			f := recording()
			c.change(&f)
			r := Explain(f)
			want := map[State]Verdict{Broken: VerdictBroken, Warning: VerdictWarning, Unknown: VerdictOK}[c.state]
			if r.Verdict != want {
				t.Errorf("verdict %s, want %s", r.Verdict, want)
			}
			found := false
			for _, got := range r.Checks {
				switch {
				case got.Name == c.check:
					found = true
					if got.State != c.state || got.Detail != c.detail || got.Remedy != c.remedy {
						t.Errorf("%+v", got)
					}
				case got.State == Broken:
					t.Errorf("broken as well: %+v", got)
				}
			}
			if !found {
				t.Errorf("no check %s", c.check)
			}
		})
	}
}

// A user who is not there has nothing else to be checked.
func TestNoSuchUser(t *testing.T) {
	f := recording()
	f.User = Said[*userservice.User](nil)
	r := Explain(f)
	if len(r.Checks) != 1 || r.Verdict != VerdictBroken || r.Checks[0].Detail != "no user has this DeviceToken" {
		t.Errorf("%+v", r)
	}
}
