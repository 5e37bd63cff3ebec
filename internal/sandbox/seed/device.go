package seed

import (
	"fmt"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// ExtendedData are the members of a device status that are inside the member of this name
// (assumed: heartbeats).
var ExtendedData = []string{
	"Application", "DeviceModel", "DeviceOSVersion", "GPSPermissionGranted", "MotionPermissionGranted",
	"LowPowerMode", "LowPreciseLocation", "JailBreak", "Rooted", "SDKVersion",
}

// Heartbeat returns the device status of a user: the one that was set, or one that is
// plausible for what is known of the phone; nil for a phone that never signed in.
func Heartbeat(u *store.User, now time.Time) store.Values {
	if u.Heartbeat != nil || u.Activity == "" {
		return u.Heartbeat
	}
	age, gps, saving := time.Duration(int(u.Token[0])*110/255)*time.Minute, true, false
	switch u.Activity {
	case "Lost":
		age += time.Duration(15+int(u.Token[1])%60) * 24 * time.Hour
	case "Error":
		gps, saving = u.Token[1]%2 == 0, true
	case "Inactive":
		saving = u.Token[1]%4 == 0
	}
	device := func(name string) string { text, _ := u.Device.Get(name); return text }
	return store.Values{
		{Name: "HeartbeatDate", Text: now.Add(-age).UTC().Format(dateShape)},
		{Name: "WiFiEnabled", Text: fmt.Sprint(u.Token[2]%3 > 0)}, {Name: "GPSEnabled", Text: fmt.Sprint(gps)},
		{Name: "MobileDataEnabled", Text: "true"},
		{Name: "Latitude", Text: fmt.Sprintf("%.4f", 30+float64(u.Token[3])/10)},
		{Name: "Longitude", Text: fmt.Sprintf("%.4f", -90+float64(u.Token[4]))},
		{Name: "Application", Text: "com.example.fleet"}, {Name: "DeviceModel", Text: device("DeviceModel")},
		{Name: "DeviceOSVersion", Text: device("OsVersion")}, {Name: "SDKVersion", Text: device("SdkVersion")},
		{Name: "GPSPermissionGranted", Text: fmt.Sprint(gps)}, {Name: "MotionPermissionGranted", Text: "true"},
		{Name: "LowPowerMode", Text: fmt.Sprint(saving)}, {Name: "LowPreciseLocation", Text: "false"},
		{Name: "JailBreak", Text: "false"}, {Name: "Rooted", Text: "false"},
	}
}

const dateShape = "2006-01-02T15:04:05"

// Trips returns the dates of a user's last trip and scoring: those that were set, or
// plausible ones; nil where there never was one.
func Trips(u *store.User, now time.Time) store.Values {
	if u.Trips != nil {
		return u.Trips
	}
	days := int(u.Token[5])
	switch u.Activity {
	case "Active":
		days %= 13
	case "Inactive", "Lost":
		days = 15 + days%60
	default:
		return nil
	}
	trip := now.Add(-time.Duration(days)*24*time.Hour - time.Duration(u.Token[6])*time.Minute).UTC()
	if trip.Before(u.Created) {
		trip = u.Created
	}
	return store.Values{
		{Name: "LatestTripDate", Text: trip.Format(dateShape)},
		{Name: "LatestScoringDate", Text: trip.Add(time.Hour).Format(dateShape)},
		{Name: "PermissionsLevel", Text: fmt.Sprint(100 - int(u.Token[7])%30)},
		{Name: "TrustLevel", Text: fmt.Sprint(100 - int(u.Token[8])%20)},
	}
}
