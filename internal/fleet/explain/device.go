package explain

import (
	"fmt"
	"time"
)

// The links that the phone and its trips say.
var (
	linkHeartbeat  = link{"HeartbeatDate", "Last heartbeat"}
	linkGPSAllowed = link{"GPSPermissionGranted", "GPS permission"}
	linkMotion     = link{"MotionPermissionGranted", "Motion permission"}
	linkGPS        = link{"GPSEnabled", "GPS"}
	linkPrecise    = link{"LowPreciseLocation", "Precise location"}
	linkLowPower   = link{"LowPowerMode", "Low power mode"}
	linkNetwork    = link{"Network", "Network"}
	linkRooted     = link{"Rooted", "Rooted"}
	linkTrip       = link{"LatestTripDate", "Last trip"}
	linkScoring    = link{"LatestScoringDate", "Last scoring"}
	linkLevel      = link{"PermissionsLevel", "Permissions level"}
)

const (
	heartbeatGood = 24 * time.Hour      // about every two hours; older means removed, offline or without permission (old)
	tripGood      = 14 * 24 * time.Hour // the window of ActivityStatus
	scoringLag    = 48 * time.Hour      // assumed: a trip is scored within that time

	levelGood   = 80 // assumed: nobody has published what is enough
	levelBroken = 50 // assumed
)

// device adds the checks of the last heartbeat.
func (c *chain) device() {
	d := c.facts.Device.Value
	if !c.facts.Device.Known {
		for _, l := range []link{linkHeartbeat, linkGPSAllowed, linkMotion, linkGPS, linkPrecise, linkLowPower, linkNetwork,
			linkRooted} {
			c.add(FromDevice, l, Unknown, c.facts.Device.why(), RemedyNone)
		}
		return
	}
	c.heartbeat()
	c.value(linkGPSAllowed, d.GPSPermission, true, Broken, "granted",
		"not granted: allow location, Always, in the phone's settings")
	c.value(linkMotion, d.MotionPermission, true, Broken, "granted",
		"not granted: allow motion and fitness in the phone's settings")
	c.value(linkGPS, d.GPS, true, Broken, "on", "off: switch on location services on the phone")
	c.value(linkPrecise, d.LowPreciseLocation, false, Warning, "on",
		"off: allow the precise location in the phone's settings")
	c.value(linkLowPower, d.LowPowerMode, false, Warning, "off",
		"on: the system holds the app back; exclude it from power saving")
	c.network()
	rooted := either(d.Rooted, d.Jailbreak)
	c.value(linkRooted, rooted, false, Warning, "no", "yes: rooted or jailbroken; positions may be forged")
}

func (c *chain) heartbeat() {
	at := c.facts.Device.Value.HeartbeatDate
	u := c.facts.User.Value
	switch {
	case at.IsZero() && u != nil && !signedIn(u):
		c.add(FromDevice, linkHeartbeat, Unknown, "none: the app has never signed in", RemedyNone)
	case at.IsZero():
		c.add(FromDevice, linkHeartbeat, Broken, "none: the phone has never reported", RemedyNone)
	case c.now.Sub(at) > heartbeatGood:
		c.add(FromDevice, linkHeartbeat, Broken, c.ago(at)+": the app is removed, offline or without permission", RemedyNone)
	default:
		c.add(FromDevice, linkHeartbeat, Good, c.ago(at), RemedyNone)
	}
}

// value adds the check of a member of the device status.
func (c *chain) value(l link, value *bool, want bool, otherwise State, good, bad string) {
	switch {
	case value == nil:
		c.add(FromDevice, l, Unknown, "not reported", RemedyNone)
	case *value == want:
		c.add(FromDevice, l, Good, good, RemedyNone)
	default:
		c.add(FromDevice, l, otherwise, bad, RemedyNone)
	}
}

func (c *chain) network() {
	d := c.facts.Device.Value
	online := either(d.WiFi, d.MobileData)
	if online != nil && !*online && (d.WiFi == nil || d.MobileData == nil) {
		online = nil // the other may be on
	}
	c.value(linkNetwork, online, true, Warning, "on", "Wi-Fi and mobile data are off: trips wait on the phone")
}

// either returns whether one of two is true; nil where neither is known.
func either(a, b *bool) *bool {
	if a == nil || b != nil && *b {
		return b
	}
	return a
}

// trips adds the dates of the last trip and the last scoring.
func (c *chain) trips() {
	t := c.facts.Trips
	if !t.Known {
		c.add(FromTrips, linkTrip, Unknown, t.why(), RemedyNone)
		c.add(FromTrips, linkScoring, Unknown, t.why(), RemedyNone)
		return
	}
	trip, scoring := t.Value.LatestTrip, t.Value.LatestScoring
	switch {
	case trip.IsZero():
		c.add(FromTrips, linkTrip, Warning, "never", RemedyNone)
	case c.now.Sub(trip) > tripGood:
		c.add(FromTrips, linkTrip, Warning, c.ago(trip), RemedyNone)
	default:
		c.add(FromTrips, linkTrip, Good, c.ago(trip), RemedyNone)
	}
	switch {
	case scoring.IsZero() && trip.IsZero():
		c.add(FromTrips, linkScoring, Unknown, "no trip to score", RemedyNone)
	case scoring.IsZero() && c.now.Sub(trip) <= scoringLag:
		c.add(FromTrips, linkScoring, Unknown, "none yet", RemedyNone)
	case scoring.IsZero():
		c.add(FromTrips, linkScoring, Warning, "never, although there was a trip", RemedyNone)
	case trip.Sub(scoring) > scoringLag:
		c.add(FromTrips, linkScoring, Warning, c.ago(scoring)+": later trips are not scored", RemedyNone)
	default:
		c.add(FromTrips, linkScoring, Good, c.ago(scoring), RemedyNone)
	}
}

// statistics adds how much of its permissions the phone grants.
func (c *chain) statistics() {
	s := c.facts.Statistics
	level, trust := s.Value.PermissionsLevel, s.Value.TrustLevel
	switch {
	case !s.Known:
		c.add(FromStatistics, linkLevel, Unknown, s.why(), RemedyNone)
		return
	case level == nil:
		c.add(FromStatistics, linkLevel, Unknown, "not reported", RemedyNone)
		return
	}
	state, detail := Good, fmt.Sprintf("%g of 100", *level)
	switch {
	case *level < levelBroken:
		state, detail = Broken, detail+": the phone grants too little"
	case *level < levelGood:
		state, detail = Warning, detail+": the phone does not grant everything"
	}
	if trust != nil {
		detail += fmt.Sprintf(" (trust level %g)", *trust)
	}
	c.add(FromStatistics, linkLevel, state, detail, RemedyNone)
}
