package user

import (
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// userView prints users as the service shows them. Its columns are named as in the JSON.
var userView = render.View[userservice.User]{
	Columns: append([]render.Column[userservice.User]{
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u userservice.User) any { return u.DeviceToken }},
		{Head: "CLIENT ID", Name: "UserFields.ClientId", Cell: func(u userservice.User) any { return u.ClientID() }},
		{Head: "NAME", Name: "Name", Cell: func(u userservice.User) any { return fullName(u) }},
		{Head: "ACTIVITY", Name: "ActivityStatus", Spare: true,
			Cell: func(u userservice.User) any { return u.ActivityStatus }},
		{Head: "FLAGS", Name: "Flags", Wrap: true,
			Cell: func(u userservice.User) any { return flagsText(u) }},
		{Head: "EMAIL", Name: "UserProfile.Email", Spare: true,
			Cell: func(u userservice.User) any { return u.Fields.Text("Email") }},
		{Head: "STATUS", Name: "Status", Wide: true, Cell: func(u userservice.User) any { return u.Status }},
		{Head: "CREATED", Name: "DateCreated", Wide: true, Cell: func(u userservice.User) any { return u.DateCreated }},
	}, moreColumns()...),
	ID: func(u userservice.User) string { return u.DeviceToken },
}

// moreColumns are the rest of a user: the fields of the table, the device and the account.
func moreColumns() []render.Column[userservice.User] {
	var out []render.Column[userservice.User]
	for _, f := range field.All(field.Update) {
		switch f.Name {
		case "ClientId", "Email", "Status":
			continue
		}
		name := "UserProfile." + f.Name
		if f.Inside != "" {
			name = f.Path()
		}
		out = append(out, render.Column[userservice.User]{Head: headOf(f.Name), Name: name, Wide: true,
			Cell: func(u userservice.User) any {
				value, _ := u.Fields.Get(f.Name)
				return cmdutil.Cell(value)
			},
			Screen: func(u userservice.User) any {
				value, _ := u.Fields.Get(f.Name)
				if on, isFlag := value.(bool); isFlag {
					return cmdutil.ValueText(on)
				}
				return cmdutil.Cell(value)
			}})
	}
	for _, c := range []struct {
		head, name string
		text       func(userservice.User) string
	}{
		{"OS", "MobileDevice.OsType", func(u userservice.User) string { return u.MobileDevice.OsType }},
		{"OS VERSION", "MobileDevice.OsVersion", func(u userservice.User) string { return u.MobileDevice.OsVersion }},
		{"SDK", "MobileDevice.SdkVersion", func(u userservice.User) string { return u.MobileDevice.SdkVersion }},
		{"APP", "MobileDevice.AppVersion", func(u userservice.User) string { return u.MobileDevice.AppVersion }},
		{"MODEL", "MobileDevice.DeviceModel", func(u userservice.User) string { return u.MobileDevice.DeviceModel }},
		{"INSTANCE", "AccountInfo.InstanceId", func(u userservice.User) string { return u.AccountInfo.InstanceID }},
		{"INSTANCE NAME", "AccountInfo.InstanceName", func(u userservice.User) string { return u.AccountInfo.InstanceName }},
	} {
		out = append(out, render.Column[userservice.User]{Head: c.head, Name: c.name, Wide: true,
			Cell: func(u userservice.User) any {
				return c.text(u)
			}})
	}
	return out
}

// headOf returns a service's name as a table's header: MARITAL STATUS.
func headOf(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

func fullName(u userservice.User) string {
	return strings.TrimSpace(u.Fields.Text("FirstName") + " " + u.Fields.Text("LastName"))
}

// flagsText names what is on, and what is not on though it is by default: "tracking",
// "tracking logging", "disabled".
func flagsText(u userservice.User) string {
	var on []string
	for _, f := range field.All(field.Update) {
		value, ok := u.Fields.Get(f.Name)
		switch {
		case f.Kind != field.Flag || !ok:
		case f.Name == "Enabled" && value == false:
			on = append(on, "disabled")
		case f.Name != "Enabled" && value == true:
			on = append(on, f.Flag)
		}
	}
	return strings.Join(on, " ")
}

// detail is one line of a user's card.
type detail struct {
	Field string
	Value any
}

var cardView = render.View[detail]{Columns: []render.Column[detail]{
	{Head: "FIELD", Name: "Field", Cell: func(d detail) any { return d.Field }},
	{Head: "VALUE", Name: "Value", Wrap: true, Cell: func(d detail) any { return d.Value }},
}}

// card lists all that is known of a user, in the order in which a person asks: who, what
// is on, the phone, the account.
func card(u userservice.User) []detail {
	all := []detail{
		{"DeviceToken", u.DeviceToken}, {"Name", fullName(u)}, {"ClientId", u.ClientID()}, {"Status", u.Status},
		{"ActivityStatus", u.ActivityStatus},
	}
	for _, f := range field.All(field.Update) {
		if value, ok := u.Fields.Get(f.Name); ok && f.Kind == field.Flag {
			all = append(all, detail{f.Name, onOff(value)})
		}
	}
	for _, f := range field.All(field.Update) {
		value, ok := u.Fields.Get(f.Name)
		switch f.Name {
		case "FirstName", "LastName", "ClientId", "Status":
			continue
		}
		if ok && f.Kind != field.Flag {
			all = append(all, detail{f.Name, cmdutil.Cell(value)})
		}
	}
	m, a := u.MobileDevice, u.AccountInfo
	all = append(all,
		detail{"Device", strings.TrimSpace(m.DeviceModel)}, detail{"OS", strings.TrimSpace(m.OsType + " " + m.OsVersion)},
		detail{"SDK version", m.SdkVersion}, detail{"App version", m.AppVersion},
		detail{"Registered", u.DateCreated},
		detail{"Company", named(a.CompanyName, a.CompanyID)},
		detail{"Application", named(a.ApplicationName, a.ApplicationID)},
		detail{"Instance", named(a.InstanceName, a.InstanceID)},
	)
	out := all[:0]
	for _, d := range all {
		if d.Value != "" && d.Value != (time.Time{}) {
			out = append(out, d)
		}
	}
	return out
}

func onOff(value any) any {
	switch value {
	case true:
		return "on"
	case false:
		return "off"
	}
	return value
}

func named(name, id string) string {
	if name == "" || id == "" {
		return name + id
	}
	return name + " (" + id + ")"
}
