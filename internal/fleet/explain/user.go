package explain

import (
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// The links that the user itself says.
var (
	linkUser     = link{"User", "User"}
	linkInstance = link{"Instance", "Instance"}
	linkStatus   = link{"Status", "Status"}
	linkEnabled  = link{"Enabled", "Enabled"}
	linkTracking = link{"EnableTracking", "Tracking"}
	linkSignedIn = link{"MobileDevice", "App signed in"}
	linkVersions = link{"Versions", "Versions"}
	linkActivity = link{"ActivityStatus", "Activity"}
	linkLogging  = link{"EnableLogging", "Debug log"}
	linkRealTime = link{"EnableRealTimeLocation", "Real-time location"}
	linkSwitches = link{"RealTimeSwitches", "Real-time switches"}
)

// user adds the checks from the registration to the app's first sign-in.
func (c *chain) user() {
	u, f := c.facts.User.Value, c.facts
	if !f.User.Known {
		for _, l := range []link{linkUser, linkInstance, linkStatus, linkEnabled, linkTracking, linkSignedIn, linkVersions} {
			c.add(FromUser, l, Unknown, f.User.why(), RemedyNone)
		}
		return
	}
	if u == nil {
		missing := f.Missing
		if missing == "" {
			missing = "no user has this DeviceToken"
		}
		c.add(FromUser, linkUser, Broken, missing, RemedyNone)
		return
	}
	registered := "exists"
	if !u.DateCreated.IsZero() {
		registered = "registered " + c.ago(u.DateCreated)
	}
	c.add(FromUser, linkUser, Good, registered, RemedyNone)
	c.instance(u)
	c.status(u)
	c.flag(u, linkEnabled, RemedyEnable, "on", "off: the user is deactivated as a whole")
	c.flag(u, linkTracking, RemedyTrack, "on", "off: the phone records no trips")
	c.phone(u)
}

func (c *chain) instance(u *userservice.User) {
	in := u.AccountInfo
	name := words(" ", in.InstanceName, "("+in.InstanceID+")")
	if in.InstanceName == "" {
		name = in.InstanceID
	}
	switch {
	case in.InstanceID == "" || c.facts.InstanceID == "":
		c.add(FromUser, linkInstance, Unknown, "the service does not say", RemedyNone)
	case strings.EqualFold(in.InstanceID, c.facts.InstanceID):
		c.add(FromUser, linkInstance, Good, name, RemedyNone)
	default:
		c.add(FromUser, linkInstance, Broken, "registered in another instance: "+name, RemedyMoveHere)
	}
}

func (c *chain) status(u *userservice.User) {
	switch {
	case u.Status == "":
		c.add(FromUser, linkStatus, Unknown, "the service does not say", RemedyNone)
	case strings.EqualFold(u.Status, "Active"):
		c.add(FromUser, linkStatus, Good, u.Status, RemedyNone)
	default:
		c.add(FromUser, linkStatus, Broken, u.Status+": the user is deactivated", RemedyActivate)
	}
}

// flag adds the check of a flag that must be on.
func (c *chain) flag(u *userservice.User, l link, remedy Remedy, on, off string) {
	switch isOn(u, l.name) {
	case nil:
		c.add(FromUser, l, Unknown, "the service does not say", RemedyNone)
	case true:
		c.add(FromUser, l, Good, on, RemedyNone)
	default:
		c.add(FromUser, l, Broken, off, remedy)
	}
}

// isOn returns a flag's value: a bool, or nil where it has none.
func isOn(u *userservice.User, name string) any {
	value, _ := u.Fields.Get(field.MustGet(name).Name)
	if on, ok := value.(bool); ok {
		return on
	}
	return nil
}

// signedIn reports whether the app ever signed in: until then all of MobileDevice is null (live).
func signedIn(u *userservice.User) bool { return u.MobileDevice != userservice.MobileDevice{} }

func (c *chain) phone(u *userservice.User) {
	m := u.MobileDevice
	if !signedIn(u) {
		c.add(FromUser, linkSignedIn, Broken, "never: the app is not installed, or signs in as somebody else", RemedyNone)
		c.add(FromUser, linkVersions, Unknown, "the app has never signed in", RemedyNone)
		return
	}
	c.add(FromUser, linkSignedIn, Good, words(", ", m.DeviceModel, words(" ", m.OsType, m.OsVersion)), RemedyNone)
	versions := words(", ", prefixed("app ", m.AppVersion), prefixed("SDK ", m.SdkVersion))
	if m.SdkVersion == "" {
		c.add(FromUser, linkVersions, Warning, words(", ", versions, "no SDK version: the app may run without the SDK"),
			RemedyNone)
		return
	}
	c.add(FromUser, linkVersions, Good, versions, RemedyNone)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// activities are the values of ActivityStatus in plain words (the vendor's help pages).
var activities = map[string]struct {
	state  State
	detail string
}{
	"active":   {Good, "Active: a usable trip within 14 days"},
	"inactive": {Warning, "Inactive: only excluded trips within 14 days; the app runs"},
	"lost":     {Broken, "Lost: no trip of any kind within 14 days; the app was removed, or is in trouble"},
	"nodata":   {Broken, "No Data: never a trip; the app is not installed, or lacks permissions"},
	"error":    {Broken, "Error: never a usable trip, only invalid ones; device limits, power management or a faulty GPS"},
}

func (c *chain) activity() {
	u := c.facts.User.Value
	if u == nil {
		c.add(FromUser, linkActivity, Unknown, c.facts.User.why(), RemedyNone)
		return
	}
	a, ok := activities[strings.ToLower(strings.ReplaceAll(u.ActivityStatus, " ", ""))]
	switch {
	case ok:
		c.add(FromUser, linkActivity, a.state, a.detail, RemedyNone)
	case u.ActivityStatus == "":
		c.add(FromUser, linkActivity, Unknown, "the service does not say", RemedyNone)
	default:
		c.add(FromUser, linkActivity, Unknown, u.ActivityStatus+": not a status that is documented", RemedyNone)
	}
}

// leftOn adds the checks of what drains the battery while it is on, and what real-time location
// needs besides its flag: the application's switch in the vendor's console and the SDK's own in
// the app, which no call reads.
func (c *chain) leftOn() {
	u := c.facts.User.Value
	if u == nil {
		c.add(FromUser, linkLogging, Unknown, c.facts.User.why(), RemedyNone)
		c.add(FromUser, linkRealTime, Unknown, c.facts.User.why(), RemedyNone)
		return
	}
	c.mustBeOff(u, linkLogging, RemedyStopLogging, "on: it drains the battery; switch it off after debugging")
	c.mustBeOff(u, linkRealTime, RemedyStopRealTime, "on: streaming the position drains the battery")
	if isOn(u, linkRealTime.name) == true {
		c.add(FromUser, linkSwitches, Unknown,
			"the flag is on; the application's switch in the console and the SDK's in the app must agree, and cannot be read",
			RemedyNone)
	}
}

func (c *chain) mustBeOff(u *userservice.User, l link, remedy Remedy, on string) {
	switch isOn(u, l.name) {
	case nil:
		c.add(FromUser, l, Unknown, "the service does not say", RemedyNone)
	case true:
		c.add(FromUser, l, Warning, on, remedy)
	default:
		c.add(FromUser, l, Good, "off", RemedyNone)
	}
}
