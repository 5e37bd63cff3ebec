package userservice_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

var theContract = sync.OnceValue(func() *contracttest.Contract {
	c, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return c
})

// Every call of the client, with every field there is, is a request that the contract
// (docs/openapi.yaml) describes, and what the sandbox answers fits it too. The contract holds
// both sides; neither knows the other.
func TestEveryRequestFitsTheContract(t *testing.T) {
	t.Parallel()
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Open(sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	wire := contract.Transport(sandbox.Transport(box), contracttest.Hold{Requests: true, Answers: true},
		func(err error) { t.Error(err) })
	c := client(t, "http://localhost", func(o *userservice.Options) {
		o.Transport, o.AccountsURL, o.PortalURL = wire, o.UserURL, o.UserURL
	})
	ctx := context.Background()
	in := userservice.Instance{ID: sandbox.InstanceID, Key: secret.New(sandbox.InstanceKey)}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}

	everything := fullUser(t)
	made, err := c.Register(ctx, in, everything)
	must(err)
	_, err = c.Register(ctx, in, field.Set{})
	must(err)
	_, err = c.Register(ctx, in, everything)
	if !userservice.TokenTaken(err) {
		t.Errorf("a token that is taken: %v", err)
	}
	_, err = c.Register(ctx, userservice.Instance{ID: in.ID, Key: secret.New(uuid.NewString())}, field.Set{})
	if !failure.Is(err, failure.Unauthorized) {
		t.Errorf("a wrong key: %v", err)
	}
	users, err := c.RegisterMany(ctx, in, 3, true, flags(t))
	must(err)
	if len(users) != 3 {
		t.Errorf("%d users", len(users))
	}
	_, err = c.RegisterMany(ctx, in, 2, false, field.Set{})
	must(err)

	admin, err := c.SignInAdmin(ctx, sandbox.AdminEmail, secret.New(sandbox.AdminPassword))
	must(err)
	_, err = c.SignInAdmin(ctx, sandbox.AdminEmail, secret.New("not the password"))
	if !failure.Is(err, failure.Unauthorized) {
		t.Errorf("a wrong password: %v", err)
	}
	self, err := c.SignInUser(ctx, in, made.DeviceToken)
	must(err)
	self, err = c.Refresh(ctx, self)
	must(err)

	asAdmin, asSelf := c.WithAuthorizer(userservice.StaticToken{JWT: admin.Access}),
		c.WithAuthorizer(userservice.StaticToken{JWT: self.Access})
	must(asAdmin.VerifyToken(ctx, userservice.AsAdmin()))
	must(asSelf.VerifyToken(ctx, userservice.AsUser(made.DeviceToken, in)))
	must(asAdmin.Update(ctx, userservice.AsAdmin(), made.DeviceToken, fullChange(t)))
	must(asSelf.Update(ctx, userservice.AsUser(made.DeviceToken, in), made.DeviceToken, flags(t)))
	if err := asAdmin.Update(ctx, userservice.AsAdmin(), uuid.NewString(), flags(t)); !failure.Is(err, failure.NotFound) {
		t.Errorf("nobody: %v", err)
	}
	found, err := asAdmin.Find(ctx, userservice.AsAdmin(), userservice.FindQuery{DeviceToken: made.DeviceToken})
	must(err)
	if len(found) != 1 || found[0].DeviceToken != made.DeviceToken {
		t.Errorf("found %+v", found)
	}
	readEverything(t, asAdmin, asSelf, made.DeviceToken, in)
	must(asAdmin.Once().Delete(ctx, userservice.AsAdmin(), made.DeviceToken))
	if err := asAdmin.Delete(ctx, userservice.AsAdmin(), made.DeviceToken); !failure.Is(err, failure.NotFound) {
		t.Errorf("deleted twice: %v", err)
	}

	for _, want := range []string{
		"POST /v1/Registration/create 200", "POST /v1/Registration/create 409", "POST /v1/Registration/create 401",
		"POST /v1/Registration/CreateMultiple 200",
		"POST /v1/Auth/Login 200", "POST /v1/Auth/Login 401", "POST /v1/Auth/RefreshToken 200",
		"PUT /v1/Management/users 200", "PUT /v1/Management/users 404",
		"GET /v1/Management/users/find 200", "DELETE /v1/Management/users/{DeviceToken} 200",
	} {
		if !slices.Contains(contract.Seen(), want) {
			t.Errorf("%s was not held to the contract; seen: %v", want, contract.Seen())
		}
	}
}

// readEverything makes the calls of user management and of the hierarchy that change nothing, and
// the moves.
func readEverything(t *testing.T, asAdmin, asSelf *userservice.Client, deviceToken string, in userservice.Instance) {
	t.Helper()
	ctx, admin, self := context.Background(), userservice.AsAdmin(), userservice.AsUser(deviceToken, in)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	own, err := asSelf.OwnProfile(ctx, self)
	must(err)
	got, err := asAdmin.Get(ctx, admin, deviceToken, true)
	must(err)
	if own.DeviceToken != deviceToken || got.Fields.Text("FirstName") == "" || got.AccountInfo.InstanceID != in.ID ||
		got.DateCreated.IsZero() {
		t.Errorf("read %+v and %+v", own, got)
	}
	on := false
	page, err := asAdmin.ListPage(ctx, admin, userservice.ListQuery{
		InstanceIDs: []string{in.ID}, PageSize: 2, IncludeAccountInfo: true, Search: "a", Sort: "DateCreated",
		ActivityStatuses: []string{"No Data"},
		CreatedFrom:      time.Now().Add(-time.Hour), CreatedTo: time.Now().Add(time.Hour), Country: "GB", City: "London",
		RTD: &on,
	})
	must(err)
	all, err := asAdmin.ListPage(ctx, admin, userservice.ListQuery{PageSize: 2})
	must(err)
	if page.CurrentPage != 1 || len(all.Users) != 2 || !all.HasNext || all.TotalUsers < 4 {
		t.Errorf("pages %+v, %+v", page, all)
	}
	permissions, err := asAdmin.Permissions(ctx, admin)
	must(err)
	if len(permissions.Instances)+len(permissions.Applications)+len(permissions.Companies) == 0 {
		t.Error("no permissions")
	}
	instance, err := asAdmin.Instance(ctx, admin, in.ID)
	must(err)
	if instance.Key != in.Key || instance.Status != "Active" {
		t.Errorf("instance %+v", instance)
	}
	application, err := asAdmin.Application(ctx, admin, instance.AppID)
	must(err)
	instances, err := asAdmin.Instances(ctx, admin, instance.AppID)
	must(err)
	applications, err := asAdmin.Applications(ctx, admin, instance.CompanyID)
	must(err)
	if len(application.Instances) == 0 || len(instances) == 0 || len(applications) == 0 {
		t.Errorf("%+v, %+v, %+v", application, instances, applications)
	}
	if _, err := asAdmin.Instance(ctx, admin, uuid.NewString()); !failure.Is(err, failure.NotFound) {
		t.Errorf("no such instance: %v", err)
	}
	must(asAdmin.Move(ctx, admin, deviceToken, in))
	must(asSelf.JoinByCode(ctx, self, sandbox.InviteCode))
	raw, err := asAdmin.Call(ctx, admin, userservice.RawCall{Method: "GET",
		Path: "/v1/Management/users/find?DeviceToken=" + deviceToken})
	must(err)
	if raw.Status != 200 || len(raw.Body) == 0 {
		t.Errorf("raw answer %+v", raw)
	}
}

// A new call of the client needs a line above.
func TestTheContractTestKnowsEveryCall(t *testing.T) {
	known := []string{
		"Application", "Applications", "Call", "CreateInstance", "Delete", "DeleteInstance", "DeviceStatus", "Find",
		"Get", "Host", "Instance", "Instances", "JoinByCode", "ListPage", "Move", "NeedsJWT", "Once",
		"OwnProfile", "Permissions", "Refresh", "Register", "RegisterMany", "Registers", "Resolve", "ServiceTime",
		"SignInAdmin", "SignInUser", "SignsIn", "Statistics", "TripDates", "Update", "UpdateInstance", "VerifyToken",
		"WithAuthorizer",
	}
	var got []string
	for m := range reflect.TypeFor[*userservice.Client]().Methods() {
		got = append(got, m.Name)
		if !slices.Contains(known, m.Name) {
			t.Errorf("the client has a new call, %s: make it in TestEveryRequestFitsTheContract or readEverything, and "+
				"add it to known, here", m.Name)
		}
	}
	for _, name := range known {
		if !slices.Contains(got, name) {
			t.Errorf("the client has no call %s any more: remove it from known, here", name)
		}
	}
}

// sample is a value of each field.
var sample = map[string]string{
	"FirstName": "Ada", "LastName": "King", "Nickname": "a", "Phone": "+4917012345", "Email": "ada@example.com",
	"Gender": "Female", "Birthday": "1990-05-31",
	"MaritalStatus": "1", "ChildrenCount": "3", "Country": "GB", "District": "d", "City": "London",
	"Address": "1 Street", "Status": "Active",
	"ImageUrl": "https://example.com/a.png", "ClientId": "c-1", "EnableTracking": "on", "EnableLogging": "off",
	"EnableRealTimeLocation": "on", "Enabled": "on",
	"CreateAccessToken": "true", "CustomToken": device, "InstanceInviteCode": sandbox.InviteCode,
}

func fields(t *testing.T, use field.Use) field.Set {
	t.Helper()
	texts := map[string]string{}
	for _, f := range field.All(use) {
		text, ok := sample[f.Name]
		if !ok {
			t.Fatalf("no sample of %s", f.Name)
		}
		texts[f.Name] = text
	}
	return user(t, texts)
}

func fullUser(t *testing.T) field.Set   { return fields(t, field.Create) }
func fullChange(t *testing.T) field.Set { return fields(t, field.Update) }
func flags(t *testing.T) field.Set      { return fields(t, field.Quantity) }
