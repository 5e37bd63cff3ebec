package userservice_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A user is read as .NET writes it, and printed under the service's own names: UserFields an
// object, times in UTC, nulls kept.
func TestAUserAsDotNetWritesIt(t *testing.T) {
	t.Parallel()
	const written = `{
		"deviceToken": "{8F14E45FCEEA467F8B3E2C1D6E5B9A70}", "DateCreated": "2026-03-01T10:20:30.123",
		"Status": "Inactive", "ActivityStatus": "No Data",
		"UserProfile": {"FirstName": "Ada", "LastName": null, "Phone": "", "Birthday": "1990-05-31T00:00:00",
			"ChildrenCount": "2", "ImageUrl": "https://a/1", "ExternalImageUrl": "https://a/2"},
		"MobileDevice": {"OsType": 1, "SdkVersion": null, "AppVersion": "3.1"},
		"AccountInfo": {"InstanceId": "5A4DB0C5000040008000000000000001", "InstanceName": null},
		"UserFields": [{"ClientId": 17, "EnableTracking": "True", "EnableLogging": "False", "Enabled": 1,
			"EnableRealTimeLocation": ""}],
		"IdentityId": null, "Novelty": [1]
	}`
	s := serve(t, answer(200, `{"Result":[`+written+`],"Status":200,"Title":"","Errors":[]}`))
	u, err := client(t, s.URL).Get(context.Background(), userservice.AsAdmin(), device, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.calls()[0].path; got != "/v1/Management/users/find" {
		t.Errorf("asked %s", got)
	}
	if u.DeviceToken != device || u.AccountInfo.InstanceID != instanceID || u.MobileDevice.OsType != "1" ||
		u.ClientID() != "17" ||
		!u.DateCreated.Equal(time.Date(2026, 3, 1, 10, 20, 30, 123e6, time.UTC)) {
		t.Errorf("read %+v", u)
	}
	for name, want := range map[string]any{
		"FirstName": "Ada", "ChildrenCount": int64(2), "Status": "Deactivated", "ClientId": "17",
		"EnableTracking": true, "EnableLogging": false,
		"Enabled": true, "ImageUrl": "https://a/2", "Birthday": "1990-05-31T00:00:00Z",
	} {
		if got, _ := u.Fields.Get(name); got != want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	for _, name := range []string{"LastName", "Phone", "EnableRealTimeLocation"} {
		if got, ok := u.Fields.Get(name); ok && got != "" {
			t.Errorf("%s is %v", name, got)
		}
	}
	printed, err := json.Marshal(u)
	const want = `{"DeviceToken":"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70","DateCreated":"2026-03-01T10:20:30.123Z",` +
		`"Status":"Inactive","ActivityStatus":"No Data",` +
		`"UserProfile":{"FirstName":"Ada","LastName":null,"Phone":"","Birthday":"1990-05-31T00:00:00Z",` +
		`"ChildrenCount":"2","ImageUrl":"https://a/1","ExternalImageUrl":"https://a/2"},` +
		`"MobileDevice":{"OsType":1,"SdkVersion":null,"AppVersion":"3.1"},` +
		`"AccountInfo":{"InstanceId":"5A4DB0C5000040008000000000000001","InstanceName":null},` +
		`"UserFields":{"ClientId":17,"EnableLogging":"False","EnableRealTimeLocation":"","EnableTracking":"True",` +
		`"Enabled":1},"IdentityId":null,"Novelty":[1]}`
	if err != nil || string(printed) != want {
		t.Errorf("printed %s\nnot     %s (%v)", printed, want, err)
	}
}

// Deactivated users are shown unless the caller says otherwise, and the five members that a list
// must have are always sent.
func TestInactiveUsersAreShown(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Result":[],"Status":200,"Title":""}`),
		answer(200, `{"Result":{"Users":[]},"Status":200,"Title":""}`))
	c, ctx := client(t, s.URL), context.Background()
	if _, err := c.Find(ctx, userservice.AsAdmin(), userservice.FindQuery{Email: "a@example.com",
		OsType: userservice.OsIOS}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ListPage(ctx, userservice.AsAdmin(), userservice.ListQuery{}); err != nil {
		t.Fatal(err)
	}
	if got := s.calls()[0].query; got != "Email=a%40example.com&OsType=1&ShowInactiveUsers=true" {
		t.Errorf("find asks %s", got)
	}
	if got := s.calls()[1].body; got != `{"PageNumber":1,"PageSize":100,"IncludeAccountInfo":false,`+
		`"Sort":"DateCreatedDesc","ShowInactiveUsers":true}` {
		t.Errorf("list asks %s", got)
	}
	if _, err := c.Find(ctx, userservice.AsAdmin(), userservice.FindQuery{Country: "DE"}); !failure.Is(err,
		failure.Invalid) || err.Error() != "find users: no criterion" {
		t.Errorf("a country alone was taken for a criterion: %v", err)
	}
}

// Keys are compared as they are everywhere: exactly, once normalized.
func TestFindLeavesOutWhoWasNotAskedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Status":200,"Result":[
		{"DeviceToken":"`+device+`","UserProfile":{"Email":"Ada@Example.com "},"UserFields":[{"ClientId":"c-1"}]},
		{"DeviceToken":"`+other+`","UserProfile":{"Email":"ada@example.com.evil"},"UserFields":[{"ClientId":"c-10"}]}]}`))
	for _, q := range []userservice.FindQuery{{Email: "ada@example.COM"}, {ClientID: "c-1"},
		{ClientID: "c-1", Email: "ada@example.com"}} {
		found, err := client(t, s.URL).Find(context.Background(), userservice.AsAdmin(), q)
		if err != nil || len(found) != 1 || found[0].DeviceToken != device {
			t.Errorf("%+v: %+v, %v", q, found, err)
		}
	}
}

// To clear a field is to say null.
func TestAFieldIsClearedByNull(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(204, ""))
	var change field.Set
	change.Put(field.MustGet("LastName"), nil)
	change.Put(field.MustGet("ClientId"), nil)
	if err := client(t, s.URL).Update(context.Background(), userservice.AsAdmin(), device, change); err != nil {
		t.Fatal(err)
	}
	if got := s.calls()[0].body; got != `{"LastName":null,"UserFields":{"ClientId":null}}` {
		t.Errorf("sent %s", got)
	}
}

// A page other than the one that was asked for is an error.
func TestAWrongPageIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Status":200,"Result":{"Users":[],"CurrentPage":"1","TotalUsers":"7"}}`))
	c := client(t, s.URL)
	if _, err := c.ListPage(context.Background(), userservice.AsAdmin(), userservice.ListQuery{Page: 2}); err == nil {
		t.Error("page 1 was taken for page 2")
	}
	if page, err := c.ListPage(context.Background(), userservice.AsAdmin(),
		userservice.ListQuery{}); err != nil || page.TotalUsers != 7 {
		t.Errorf("%+v, %v", page, err)
	}
}

// A heartbeat is read whatever the case, blanks and underscores of its names.
func TestADeviceStatusInAnySpelling(t *testing.T) {
	t.Parallel()
	for _, result := range []string{
		`{"HeartbeatDate":"2026-03-01T10:00:00","GPSEnabled":true,"ExtendedData":{"GPSPermissionGranted":"False",` +
			`"LowPowerMode":1,"SDKVersion":"4.2"}}`,
		`{"Heartbeat Date":"2026-03-01T10:00:00Z","GPS Enabled":"True",` +
			`"Extended Data":{"GPS Permission Granted":false,"Low Power Mode":"true","SDK Version":"4.2"}}`,
		`[{"heartbeat_date":"2026-03-01 10:00:00","gps_enabled":1,"gps_permission_granted":0,"low_power_mode":true,` +
			`"sdk_version":"4.2"}]`,
	} {
		s := serve(t, answer(200, `{"Status":200,"Title":"","Result":`+result+`}`))
		status, err := oneAddress(t, s.URL).DeviceStatus(context.Background(), userservice.AsAdmin(), device)
		if err != nil {
			t.Fatal(err)
		}
		if !status.HeartbeatDate.Equal(time.Date(2026, 3, 1, 10, 0, 0, 0,
			time.UTC)) || status.GPS == nil || !*status.GPS || status.GPSPermission == nil ||
			*status.GPSPermission || status.LowPowerMode == nil || !*status.LowPowerMode || status.SDKVersion != "4.2" ||
			status.WiFi != nil {
			t.Errorf("%s: %+v", result, status)
		}
	}
}

// A Result of null says that nothing is reported of the user, not that the answer is broken.
func TestNothingReported(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Status":200,"Title":"","Result":null}`))
	c, as := oneAddress(t, s.URL), userservice.AsAdmin()
	_, status := c.DeviceStatus(context.Background(), as, device)
	_, dates := c.TripDates(context.Background(), as, device)
	_, figures := c.Statistics(context.Background(), as, device, time.Time{}, time.Time{})
	for _, err := range []error{status, dates, figures} {
		if !failure.HasReason(err, userservice.ReasonNothingReported) || !failure.Is(err, failure.NotFound) {
			t.Error(err)
		}
	}
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200,
		`{"Status":200,"Title":"","Result":{"LatestTripDate":"2026-03-01T10:00:00","LatestScoringDate":null,`+
			`"PermissionsLevel":"80"}}`))
	c := oneAddress(t, s.URL)
	dates, err := c.TripDates(context.Background(), userservice.AsAdmin(), device)
	if err != nil || dates.LatestTrip.IsZero() || !dates.LatestScoring.IsZero() {
		t.Errorf("%+v, %v", dates, err)
	}
	figures, err := c.Statistics(context.Background(), userservice.AsAdmin(), device, time.Time{}, time.Time{})
	if err != nil || figures.PermissionsLevel == nil || *figures.PermissionsLevel != 80 || figures.TrustLevel != nil {
		t.Errorf("%+v, %v", figures, err)
	}
	if got := s.calls()[0]; got.path != "/indicators/admin/v3/Statistics/Dates" || got.query != "UserId="+device {
		t.Errorf("asked %s?%s", got.path, got.query)
	}
}

// An instance is created, changed and deleted on the accounts host.
func TestInstancesAreWritten(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Status":200,"Title":"","Result":{"Id":"`+instanceID+`","Key":"`+instanceKey+`"}}`))
	c, ctx, admin := oneAddress(t, s.URL), context.Background(), userservice.AsAdmin()
	created, err := c.CreateInstance(ctx, admin, other, userservice.NewInstance{Name: "n", Description: "d"})
	if err != nil || created.ID != instanceID || created.Key.Reveal() != instanceKey {
		t.Errorf("%+v, %v", created, err)
	}
	name, active := "a b", false
	if err := c.UpdateInstance(ctx, admin, instanceID, userservice.InstanceChange{Name: &name,
		Active: &active}); err != nil {
		t.Error(err)
	}
	if err := c.DeleteInstance(ctx, admin, instanceID); err != nil {
		t.Error(err)
	}
	for i, want := range []string{
		"POST /v1/applications/" + other + `/instances?{"name":"n","description":"d","status":1}`,
		"PATCH /v1/Instances/" + instanceID + "?Name=a+b&Status=2",
		"DELETE /v1/Instances/" + instanceID + "?",
	} {
		if r := s.calls()[i]; r.method+" "+r.path+"?"+r.query+r.body != want {
			t.Errorf("sent %s %s?%s%s, not %s", r.method, r.path, r.query, r.body, want)
		}
	}
}

// A JWT goes to the configured hosts alone.
func TestRawCallsStayOnTheConfiguredHosts(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(404, `{"Status":404,"Title":"no"}`))
	c, ctx := oneAddress(t, s.URL), context.Background()
	for _, bad := range []string{"https://evil.example.com/v1", s.URL + ".evil.example.com/", s.URL,
		"//evil.example.com/v1", "v1/x", ""} {
		if _, err := c.Call(ctx, userservice.AsAdmin(), userservice.RawCall{Method: "GET",
			Path: bad}); !failure.Is(err, failure.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if n := len(s.calls()); n != 0 {
		t.Fatalf("%d requests were sent", n)
	}
	for _, path := range []string{"/v1/x?y=1", s.URL + "/v1/x?y=1"} {
		got, err := c.Call(ctx, userservice.AsAdmin(), userservice.RawCall{
			Method: "POST", Path: path, Body: []byte(`{}`), Header: map[string]string{"authorization": "Basic x", "x-more": "1"},
		})
		if !failure.Is(err, failure.NotFound) || got.Status != 404 || string(got.Body) != `{"Status":404,"Title":"no"}` {
			t.Errorf("%+v, %v", got, err)
		}
		last := s.calls()[len(s.calls())-1]
		if last.path != "/v1/x" || last.query != "y=1" || last.header.Get("Authorization") != "Bearer "+jwt ||
			last.header.Get("X-More") != "1" {
			t.Errorf("sent %+v", last)
		}
	}
}

// oneAddress is a client whose hosts are all at one address, and whose requests are not
// held to the contract.
func oneAddress(t *testing.T, url string) *userservice.Client {
	t.Helper()
	return client(t, url, func(o *userservice.Options) {
		o.AccountsURL, o.PortalURL, o.StatisticsURL, o.DeviceStatusURL, o.RegisterMultiplePath = url, url, url, url,
			"/not-held-to-the-contract"
	})
}
