package userservice

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// nothingReported is the error of a call that has nothing to say of a user: its Result is null.
func nothingReported(deviceToken string) *failure.Error {
	return failure.New(failure.NotFound, "nothing is reported of user "+canonical(deviceToken)).
		Because(ReasonNothingReported, canonical(deviceToken))
}

// TripDates are when a user was last recorded and scored; zero where the service does not say.
type TripDates struct{ LatestTrip, LatestScoring time.Time }

// TripDates returns a user's last dates (GET /indicators/admin/v3/Statistics/Dates on the
// statistics host; live).
func (c *Client) TripDates(ctx context.Context, as Caller, deviceToken string) (TripDates, error) {
	var r struct{ LatestTripDate, LatestScoringDate text }
	err := c.doAs(ctx, as, call{
		name: "read the trip dates", method: http.MethodGet, host: HostStatistics, retry: always,
		path:     "/indicators/admin/v3/Statistics/Dates?" + url.Values{"UserId": {deviceToken}}.Encode(),
		noResult: nothingReported(deviceToken),
		decode:   func(result []byte) error { return json.Unmarshal(result, &r) },
	})
	if err != nil {
		return TripDates{}, err
	}
	return TripDates{moment(string(r.LatestTripDate)), moment(string(r.LatestScoringDate))}, nil
}

// Statistics are figures of a user; nil where the service does not say.
type Statistics struct {
	PermissionsLevel *float64 // 0 to 100: how much of the permissions the phone grants
	TrustLevel       *float64 // 0 to 100
}

// Statistics returns a user's figures between two days (GET /indicators/admin/v3/Statistics on
// the statistics host; live; the names of the days' parameters are assumed).
func (c *Client) Statistics(ctx context.Context, as Caller, deviceToken string, from, to time.Time) (Statistics,
	error) {
	q := url.Values{"UserId": {deviceToken}}
	if !from.IsZero() {
		q.Set("StartDate", from.UTC().Format(time.DateOnly))
	}
	if !to.IsZero() {
		q.Set("EndDate", to.UTC().Format(time.DateOnly))
	}
	var r struct{ PermissionsLevel, TrustLevel float }
	err := c.doAs(ctx, as, call{
		name: "read the statistics", method: http.MethodGet, host: HostStatistics,
		path:     "/indicators/admin/v3/Statistics?" + q.Encode(),
		retry:    always,
		noResult: nothingReported(deviceToken),
		decode:   func(result []byte) error { return json.Unmarshal(result, &r) },
	})
	if err != nil {
		return Statistics{}, err
	}
	return Statistics{r.PermissionsLevel.value, r.TrustLevel.value}, nil
}

// DeviceStatus is the last heartbeat of a phone; nil and empty where it does not say. The
// vendor's page (old) gives captions only: the names of the members are assumed, and matched
// without regard to case, blanks and underscores.
type DeviceStatus struct {
	HeartbeatDate                       time.Time
	WiFi, GPS, MobileData               *bool // enabled
	Latitude, Longitude                 *float64
	Application, DeviceModel, OsVersion string
	GPSPermission, MotionPermission     *bool // granted
	LowPowerMode, LowPreciseLocation    *bool
	Jailbreak, Rooted                   *bool
	SDKVersion                          string
}

// DeviceStatus returns the last heartbeat of a user's phone
// (GET /api/heartbeats/get/v1/raw/users/{DeviceToken}/latest on the device status host; old).
func (c *Client) DeviceStatus(ctx context.Context, as Caller, deviceToken string) (DeviceStatus, error) {
	var status DeviceStatus
	err := c.doAs(ctx, as, call{
		name: "read the device status", method: http.MethodGet, host: HostDeviceStatus, retry: always,
		about: canonical(deviceToken), noResult: nothingReported(deviceToken),
		path: "/api/heartbeats/get/v1/raw/users/" + url.PathEscape(deviceToken) + "/latest",
		decode: func(result []byte) error {
			members := map[string]text{}
			flatten(members, result)
			status = deviceStatus(members)
			return nil
		},
	})
	return status, err
}

// flatten collects the members of an object and of the objects in it, under their names without
// case, blanks and underscores.
func flatten(into map[string]text, raw json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
			flatten(into, list[0])
		}
		return
	}
	for name, value := range object {
		var t text
		if len(value) > 0 && (value[0] == '{' || value[0] == '[') {
			flatten(into, value)
		} else if json.Unmarshal(value, &t) == nil {
			into[memberName.Replace(strings.ToLower(name))] = t
		}
	}
}

var memberName = strings.NewReplacer(" ", "", "_", "", "-", "")

func deviceStatus(members map[string]text) DeviceStatus {
	first := func(names ...string) string {
		for _, name := range names {
			if t := members[name]; t != "" {
				return string(t)
			}
		}
		return ""
	}
	truthOf := func(names ...string) *bool { return parseTruth(first(names...)) }
	numberOf := func(name string) *float64 {
		var f float
		_ = f.UnmarshalJSON([]byte(first(name)))
		return f.value
	}
	return DeviceStatus{
		HeartbeatDate: moment(first("heartbeatdate", "date")),
		WiFi:          truthOf("wifienabled", "wifi"),
		GPS:           truthOf("gpsenabled", "gps"),
		MobileData:    truthOf("mobiledataenabled", "mobiledata"),
		Latitude:      numberOf("latitude"), Longitude: numberOf("longitude"),
		Application: first("application"), DeviceModel: first("devicemodel"),
		OsVersion:        first("deviceosversion", "osversion"),
		GPSPermission:    truthOf("gpspermissiongranted", "gpspermission"),
		MotionPermission: truthOf("motionpermissiongranted", "motionpermission"),
		LowPowerMode:     truthOf("lowpowermode"), LowPreciseLocation: truthOf("lowpreciselocation"),
		Jailbreak: truthOf("jailbreak", "isjailbreak"), Rooted: truthOf("rooted", "isrooted"),
		SDKVersion: first("sdkversion"),
	}
}
