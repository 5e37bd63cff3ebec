package server

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// mostStatuses is for how many users the device status is asked at once (old).
const mostStatuses = 20

// trips is what is known of the trips of the query's UserId.
func (c *call) trips() (store.Values, error) {
	u, err := c.reachable("UserId", c.query()("UserId"))
	if err != nil {
		return nil, err
	}
	return seed.Trips(u, c.now), nil
}

// statisticsDates is when a user's last trip and scoring were; null where there never was one.
func (c *call) statisticsDates() (any, error) {
	trips, err := c.trips()
	return struct{ LatestTripDate, LatestScoringDate *string }{
		trips.Lookup("LatestTripDate"), trips.Lookup("LatestScoringDate"),
	}, err
}

// statistics is how much of its permissions a user's phone grants, of what the service
// answers here.
func (c *call) statistics() (any, error) {
	for _, name := range []string{"StartDate", "EndDate"} { // (assumed: days)
		if text := c.query()(name); text != "" {
			if _, err := time.Parse(time.DateOnly, text); err != nil {
				return nil, invalid(wrong(name, "a date"))
			}
		}
	}
	trips, err := c.trips()
	out := map[string]any{"PermissionsLevel": nil, "TrustLevel": nil}
	for name := range out {
		if n, err := strconv.Atoi(trips.Get(name)); err == nil {
			out[name] = n
		}
	}
	return out, err
}

// statusOf returns a user's device status, nil where there never was one; its numbers and
// booleans as such (assumed: heartbeats).
func (c *call) statusOf(u *store.User) map[string]any {
	all := seed.Heartbeat(u, c.now)
	if all == nil {
		return nil
	}
	out, inner := map[string]any{"DeviceToken": u.Token}, map[string]any{}
	for name, text := range all.Map() {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil || name == "DeviceOSVersion" || name == "SDKVersion" {
			value = text
		}
		if slices.Contains(seed.ExtendedData, name) {
			inner[name] = value
		} else {
			out[name] = value
		}
	}
	out["ExtendedData"] = inner
	return out
}

// deviceStatus is the last device status of a user's phone; null where there never was one.
func (c *call) deviceStatus() (any, error) {
	if status := c.statusOf(c.subject); status != nil {
		return status, nil
	}
	return null, nil
}

// deviceStatuses is the last device status of up to 20 users; those that are unknown or
// out of reach are left out (assumed: heartbeats).
func (c *call) deviceStatuses() (any, error) {
	var tokens []string
	err := c.read(func(r *reading) {
		if tokens = r.uuids("DeviceTokens"); len(tokens) > mostStatuses {
			r.between("DeviceTokens", 1, mostStatuses)
		}
	})
	if err != nil {
		return nil, err
	}
	out := []map[string]any{}
	slices.Sort(tokens)
	for _, token := range slices.Compact(tokens) {
		if u, err := c.reachable("DeviceTokens", token); err == nil {
			if status := c.statusOf(u); status != nil {
				out = append(out, status)
			}
		}
	}
	return out, nil
}
