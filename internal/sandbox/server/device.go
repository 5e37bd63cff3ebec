package server

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// heartbeats is the path of the device status (old).
const heartbeats = "/api/heartbeats/get/v1/raw/users"

// mostStatuses is for how many users the device status is asked at once (old).
const mostStatuses = 20

// byUserID finds the user of a query's UserId.
func (c *call) byUserID(a admin) (*store.User, refused) {
	text := c.query()("UserId")
	id, err := field.ParseServiceUUID(text)
	if err != nil {
		return nil, no(invalid(mistake("UserId", "The value of UserId is not a UUID.")))
	}
	return a.user(id)
}

// statisticsDates is when a user's last trip and scoring were; null where there never was one.
func (c *call) statisticsDates() answer {
	return c.viewAsAdmin(nil, func(_ *store.State, a admin) answer {
		u, no := c.byUserID(a)
		if no != nil {
			return *no
		}
		var out struct{ LatestTripDate, LatestScoringDate *string }
		trips := seed.Trips(u, c.now)
		if text, ok := trips.Get("LatestTripDate"); ok {
			out.LatestTripDate = &text
		}
		if text, ok := trips.Get("LatestScoringDate"); ok {
			out.LatestScoringDate = &text
		}
		return with(out)
	})
}

// statistics is how much of its permissions a user's phone grants, of what the service
// answers here.
func (c *call) statistics() answer {
	query := c.query()
	for _, name := range []string{"StartDate", "EndDate"} { // (assumed: days)
		if text := query(name); text != "" && !isDay(text) {
			return invalid(mistake(name, "The value of "+name+" is not a date."))
		}
	}
	return c.viewAsAdmin(nil, func(_ *store.State, a admin) answer {
		u, no := c.byUserID(a)
		if no != nil {
			return *no
		}
		var out struct{ PermissionsLevel, TrustLevel *int }
		trips := seed.Trips(u, c.now)
		for name, to := range map[string]**int{"PermissionsLevel": &out.PermissionsLevel, "TrustLevel": &out.TrustLevel} {
			if text, ok := trips.Get(name); ok {
				if n, err := strconv.Atoi(text); err == nil {
					*to = &n
				}
			}
		}
		return with(out)
	})
}

func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// statusText returns a device status as JSON: the numbers and booleans as such (assumed:
// heartbeats).
func (c *call) statusText(u *store.User) map[string]any {
	all := seed.Heartbeat(u, c.now)
	if all == nil {
		return nil
	}
	out, inner := map[string]any{"DeviceToken": u.Token}, map[string]any{}
	for _, v := range all {
		var value any
		if json.Unmarshal([]byte(v.Text), &value) != nil || v.Name == "DeviceOSVersion" || v.Name == "SDKVersion" {
			value = v.Text
		}
		if slices.Contains(seed.ExtendedData, v.Name) {
			inner[v.Name] = value
		} else {
			out[v.Name] = value
		}
	}
	out["ExtendedData"] = inner
	return out
}

// deviceStatus is the last device status of a user's phone; null where there never was one.
func (c *call) deviceStatus() answer {
	return c.viewAsAdmin(nil, func(_ *store.State, a admin) answer {
		token, ok := c.param("DeviceToken")
		if !ok {
			return invalid(mistake("DeviceToken", "The value of DeviceToken is not a UUID."))
		}
		u, no := a.user(token)
		if no != nil {
			return *no
		}
		if status := c.statusText(u); status != nil {
			return with(status)
		}
		return nothing()
	})
}

// deviceStatuses is the last device status of up to 20 users; those that are unknown or
// out of reach are left out (assumed: heartbeats).
func (c *call) deviceStatuses() answer {
	var tokens []uuid.UUID
	bad := c.read(func(r *reading) {
		if tokens = r.uuids("DeviceTokens"); len(tokens) > mostStatuses {
			r.between("DeviceTokens", 1, mostStatuses)
		}
	})
	return c.viewAsAdmin(bad, func(_ *store.State, a admin) answer {
		out := []map[string]any{}
		slices.SortFunc(tokens, func(x, y uuid.UUID) int { return slices.Compare(x[:], y[:]) })
		for _, token := range slices.Compact(tokens) {
			if u, no := a.user(token); no == nil {
				if status := c.statusText(u); status != nil {
					out = append(out, status)
				}
			}
		}
		return with(out)
	})
}
