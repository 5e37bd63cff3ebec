package seed

import (
	"fmt"
	"time"

	"github.com/google/uuid"

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
	id := uuid.MustParse(u.Token)
	age, gps, saving := time.Duration(int(id[0])*110/255)*time.Minute, true, false
	switch u.Activity {
	case "Lost":
		age += time.Duration(15+int(id[1])%60) * 24 * time.Hour
	case "Error":
		gps, saving = id[1]%2 == 0, true
	case "Inactive":
		saving = id[1]%4 == 0
	}
	return store.ValuesOf(map[string]string{
		"HeartbeatDate": now.Add(-age).UTC().Format(dateShape),
		"WiFiEnabled":   fmt.Sprint(id[2]%3 > 0), "GPSEnabled": fmt.Sprint(gps),
		"MobileDataEnabled": "true",
		"Latitude":          fmt.Sprintf("%.4f", 30+float64(id[3])/10),
		"Longitude":         fmt.Sprintf("%.4f", -90+float64(id[4])),
		"Application":       "com.example.fleet", "DeviceModel": u.Device.Get("DeviceModel"),
		"DeviceOSVersion": u.Device.Get("OsVersion"), "SDKVersion": u.Device.Get("SdkVersion"),
		"GPSPermissionGranted": fmt.Sprint(gps), "MotionPermissionGranted": "true",
		"LowPowerMode": fmt.Sprint(saving), "LowPreciseLocation": "false",
		"JailBreak": "false", "Rooted": "false",
	})
}

const dateShape = "2006-01-02T15:04:05"

// Trips returns the dates of a user's last trip and scoring: those that were set, or
// plausible ones; nil where there never was one.
func Trips(u *store.User, now time.Time) store.Values {
	if u.Trips != nil {
		return u.Trips
	}
	id := uuid.MustParse(u.Token)
	days := int(id[5])
	switch u.Activity {
	case "Active":
		days %= 13
	case "Inactive", "Lost":
		days = 15 + days%60
	default:
		return nil
	}
	trip := now.Add(-time.Duration(days)*24*time.Hour - time.Duration(id[6])*time.Minute).UTC()
	if trip.Before(u.Created) {
		trip = u.Created
	}
	return store.ValuesOf(map[string]string{
		"LatestTripDate":    trip.Format(dateShape),
		"LatestScoringDate": trip.Add(time.Hour).Format(dateShape),
		"PermissionsLevel":  fmt.Sprint(100 - int(id[7])%30),
		"TrustLevel":        fmt.Sprint(100 - int(id[8])%20),
	})
}
