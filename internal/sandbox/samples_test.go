package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

// sample is a request as the vendor's pages and clients write it, with the answer that
// was seen or is stated: its names and kinds, and its values, except texts that are
// "...".
type sample struct {
	name               string
	method, path, body string
	h                  headers
	status             int
	answer             string // "" for no body
}

const (
	jwtSample    = `{"Token": "...", "ExpiresIn": 86400}`
	doneSample   = `{"Status": 200, "Title": "", "Errors": []}`
	patchJSON    = "application/json-patch+json"
	noTokens     = `{"DeviceToken": "...", "AccessToken": null, "RefreshToken": null}`
	deviceSample = `{"MobileUid": null, "DeviceModel": null, "OsType": null, "OsVersion": null,
		"SdkVersion": null, "AppVersion": null, "VirtualImei": null}`
	namesSample = `{"CompanyId": "...", "CompanyName": "...", "ApplicationId": "...", "ApplicationName": "...",
		"InstanceId": "...", "InstanceName": "..."}`
	idsSample = `{"CompanyId": "...", "CompanyName": null, "ApplicationId": "...", "ApplicationName": null,
		"InstanceId": "...", "InstanceName": null}`

	instanceSample = `{"Id": "...", "Key": "...", "Name": "...", "Description": "...", "Status": "Active",
		"InviteCode": "...", "AppId": "...", "AppName": "...",
		"CompanyId": "..."}`
	applicationSample = `{"Id": "...", "Name": "...", "Description": "...", "Status": "Active",
		"GooglePlayLink": null, "AppleStoreLink": null, "Environment": "..."}`
)

func resultSample(result string) string {
	return `{"Result": ` + result + `, "Status": 200, "Title": "", "Errors": []}`
}

func refusedSample(status int, keys ...string) string {
	entries := []string{}
	for _, key := range keys {
		entries = append(entries, `{"Key": "`+key+`", "Message": "..."}`)
	}
	return fmt.Sprintf(`{"Status": %d, "Title": "...", "Errors": [%s]}`, status, strings.Join(entries, ", "))
}

// userSample is a user of whom nothing is known but an email address, as it is read.
func userSample(account, wallets string) string {
	return `{"DeviceToken": "...", "DateCreated": "...", "Status": "Active", "ActivityStatus": "No Data",
		"UserProfile": {"FirstName": null, "LastName": null,
		"Gender": "None", "Birthday": null, "MaritalStatus": null, "ChildrenCount": null, "Address": null,
		"Country": null, "District": null, "City": null,
		"Nickname": null, "Email": "email@mail.com", "Phone": null,
		"ImageUrl": "https://user.telematicssdk.com/Files/DefaultImages/ic_no_avatar_white.png",
		"ExternalImageUrl": null}, "MobileDevice": ` + deviceSample + `, "AccountInfo": ` + account + `, "UserWallets": ` +
		wallets + `, "IdentityId": null,
		"IdentityProvider": null, "UserFields": [{"ClientId": null, "EnableLogging": false,
			"EnableRealTimeLocation": false, "EnableTracking": true, "Enabled": true}]}`
}

func registrationSamples() []sample {
	const issued = `{"DeviceToken": "...", "AccessToken": {"Token": "...", "ExpiresIn": 432000}, "RefreshToken": "..."}`
	create := func(name, body, result string) sample {
		return sample{name, "POST", "/v1/Registration/create", body, theInstance, 200, resultSample(result)}
	}
	return []sample{
		create("create", `{"UserFields": {"ClientId": "your-internal-user-id"}, "CreateAccessToken": true,
		"FirstName": "John", "LastName": "Doe", "Nickname": "johnny",
			"Phone": "+12345565", "Email": "email2@mail.com"}`, issued),
		create("create with nothing said", `{}`, issued),
		create("create without a JWT", `{"CreateAccessToken": false}`, noTokens),
		create("create by the vendor's page",
			`{"CreateAccessToken": true, "FirstName": "string", "LastName": "string", "Nickname": "string", "Phone": "string",
			"Email": "string", "Gender": "None", "Birthday": "2019-12-13T06:19:18.837Z", "MaritalStatus": "string",
			"ChildrenCount": 0, "Country": "string",
			"District": "string", "City": "string", "Status": "Active", "Address": "string", "ImageUrl": "string",
			"InstanceInviteCode": "`+sandbox.InviteCode+`",
			"UserFields": {"EnableTracking": true, "EnableLogging": false, "Enabled": true, "ClientId": "string"}}`, issued),
		create("create with a token of one's own", `{"CustomToken": "11111111-2222-4333-8444-555555555555"}`,
			strings.Replace(issued, "...", "11111111-2222-4333-8444-555555555555", 1)),
		{"create by the vendor's clients", "POST", "/v1/Registration/Create", `{"firstName": "Ada", "maritalStatus": "4"}`,
			theInstance, 200, resultSample(issued)},
		{"create with what cannot be converted", "POST", "/v1/Registration/create", `{"Gender": "F"}`, theInstance, 422,
			refusedSample(422, "Gender")},
		{"create many by the vendor's page", "POST", server.MultiplePath,
			`{"Quantity": 1, "CreateAccessToken": true, "CustomFields": {"EnableTracking": true,
			"EnableLogging": false, "Enabled": true}}`, theInstance, 200, resultSample("[" + issued + "]")},
	}
}

func signInSamples(u, old tokens) []sample {
	login := func(fields, password string) string {
		return fmt.Sprintf(`{"LoginFields":%s,"Password":%q}`, fields, password)
	}
	admin := strconv.Quote(`{"email":"` + sandbox.AdminEmail + `"}`)
	asAdmin, asUser := `{"AccessToken": `+jwtSample+`, "RefreshToken": "..."}`,
		`{"DeviceToken": "`+u.DeviceToken+`", "AccessToken": `+jwtSample+`, "RefreshToken": "..."}`
	refresh := fmt.Sprintf(`{"AccessToken": %q, "RefreshToken": %q}`, old.AccessToken.Token, *old.RefreshToken)
	return []sample{
		{"admin sign-in", "POST", loginPath, login(admin, sandbox.AdminPassword), nil, 200, resultSample(asAdmin)},
		{"admin sign-in with a wrong password", "POST", loginPath, login(admin, "x"), nil, 401, refusedSample(401)},
		{"user sign-in", "POST", loginPath, login(userLogin(u.DeviceToken), sandbox.InstanceKey), inInstance, 200,
			resultSample(asUser)},
		{"user sign-in with another inner name", "POST", loginPath,
			login(strconv.Quote(`{"DeviceToken":"`+u.DeviceToken+`"}`), sandbox.InstanceKey), inInstance, 401, ""},
		{"user sign-in by the Android client", "POST", loginPath,
			login(`{"DeviceToken": "`+u.DeviceToken+`"}`, sandbox.InstanceKey), inInstance, 200, resultSample(asUser)},
		{"refresh, with an instance by the Android client", "POST", refreshPath, refresh, theInstance, 200,
			resultSample(`{"DeviceToken": "...", "AccessToken": ` + jwtSample + `, "RefreshToken": "..."}`)},
		{"refresh with what is spent", "POST", refreshPath, refresh, nil, 401, refusedSample(401)},
	}
}

func userSamples(u tokens, admin headers) []sample {
	own := theInstance.and(bearer(u.AccessToken.Token))
	patch := admin.and(headers{"Content-Type": patchJSON, "accept": "application/json"})
	page := `{"InstanceIds": ["` + sandbox.InstanceID +
		`"], "ApplicationIds": [], "CompanyIds": [], "PageNumber": 1, "PageSize": 50, "IncludeAccountInfo": true,
		"Sort": "DateCreatedDesc", "ActivityStatuses": [], "ShowInactiveUsers": true, "SearchTerm": "%s"}`
	flags := `{"UserFields": {"Enabled": true, "EnableTracking": true, "EnableLogging": false,
		"EnableRealTimeLocation": false}}`
	return []sample{
		{"find", "GET", usersPath + "/find?Email=email@mail.com", "", admin, 200,
			resultSample("[" + userSample(idsSample, "[]") + "]")},
		{"find with names", "GET", usersPath + "/find?DeviceToken=" + u.DeviceToken + "&IncludeAccountInfo=true", "", admin,
			200, resultSample("[" + userSample(namesSample, "[]") + "]")},
		{"find nobody", "GET", usersPath + "/find?ClientId=nobody", "", admin, 200, resultSample("[]")},
		{"find as a user", "GET", usersPath + "/find?ClientId=nobody", "", own, 403, refusedSample(403)},
		{"list", "POST", usersPath + "/GetFilteredPage", fmt.Sprintf(page, "email@"), patch, 200,
			resultSample(`{"Users": [` + userSample(namesSample, "null") + `],
			"HasPreviousPage": false, "HasNextPage": false, "TotalUsers": 1, "TotalPages": 1, "CurrentPage": 1}`)},
		{"list nobody", "POST", usersPath + "/GetFilteredPage", fmt.Sprintf(page, "nobody"), patch, 200,
			resultSample(`{"Users": [], "HasPreviousPage": false,
			"HasNextPage": false, "TotalUsers": 0, "TotalPages": 0, "CurrentPage": 1}`)},
		{"list without a JWT", "POST", usersPath + "/GetFilteredPage", fmt.Sprintf(page, ""),
			headers{"Content-Type": patchJSON}, 401, ""},
		{"own profile", "GET", usersPath, "", own, 200, resultSample(userSample(idsSample, "[]"))},
		{"update", "PUT", usersPath, flags, patch.and(headers{"UserDeviceToken": u.DeviceToken}), 200, doneSample},
		{"update of nobody", "PUT", usersPath, flags, patch.and(headers{"UserDeviceToken": seed.CompanyID}), 404,
			refusedSample(404)},
		{"update that says not whose", "PUT", usersPath, flags, patch, 422, refusedSample(422, "UserDeviceToken")},
		{"update own", "PUT", usersPath, flags, own.and(headers{"DeviceToken": u.DeviceToken}), 200, doneSample},
		{"move", "POST", usersPath + "/instances/change",
			`{"DeviceToken": "` + u.DeviceToken + `", "ToInstanceId": "` + seed.SecondInstanceID + `",
			"ToInstanceKey": "` + seed.SecondInstanceKey + `"}`, patch, 200, doneSample},
		{"join by code", "POST", usersPath + "/instances/change/" + sandbox.InviteCode, "", own, 200, doneSample},
		{"delete", "DELETE", usersPath + "/" + u.DeviceToken, "", admin, 200, doneSample},
		{"delete again", "DELETE", usersPath + "/" + u.DeviceToken, "", admin, 404, refusedSample(404)},
	}
}

func hierarchySamples(admin headers) []sample {
	get := func(name, path, result string) sample {
		return sample{name, "GET", path, "", admin, 200, resultSample(result)}
	}
	short := `{"Id": "...", "Key": "...", "Name": "...", "Status": "Active"}`
	both := strings.TrimSuffix(applicationSample, "}") + `, "Instances": [` + short + `, ` + short + `]}`
	nowhere := sandbox.AdminEmail
	return []sample{
		{"permissions", "GET", "/auth/permissions", "", admin, 200,
			`{"result": {"userId": "...", "isGod": false, "companiesPermissions": [{"companyId":
			"` + seed.CompanyID + `", "companyIntId": 1, "roleId": "..."}], "appsPermissions": [],
			"instancesPermissions": []}, "status": 200, "title": "", "errors": []}`},
		get("instance", "/v1/Instances/"+sandbox.InstanceID,
			strings.Replace(instanceSample, `"Description": "..."`, `"Description": "Default group"`, 1)),
		get("no such instance", "/v1/Instances/"+nowhere, "null"),
		get("application", "/v1/Applications/"+seed.ApplicationID, applicationSample),
		get("application with its instances", "/v1/Applications/"+seed.ApplicationID+"?includeInstances=true", both),
		get("no such application", "/v1/Applications/"+nowhere+"?includeInstances=true", "null"),
		get("a company's applications", "/v1/companies/"+seed.CompanyID+"/applications", "["+applicationSample+"]"),
		get("no such company", "/v1/companies/"+nowhere+"/applications", "null"),
		get("an application's instances", "/v1/applications/"+seed.ApplicationID+"/instances",
			"["+instanceSample+", "+instanceSample+"]"),
		get("instances of no application", "/v1/applications/"+nowhere+"/instances", "null"),
		{"in another case", "GET", "/v1/instances/" + sandbox.InstanceID, "", admin, 404, ""},
		{"new application", "POST", "/v1/companies/" + seed.CompanyID + "/applications",
			`{"name": "n", "description": "d", "status": 1,
			"createDefaultGroup": true}`, admin, 200,
			resultSample(`{"AppId": "...", "Instances": [{"Id": "...", "Key": "..."}]}`)},
		{"new instance", "POST", "/v1/applications/" + seed.ApplicationID + "/instances", `{"name": "n"}`, admin, 200,
			resultSample(`{"Id": "...", "Key": "..."}`)},
		{"change an instance", "PATCH", "/v1/Instances/" + seed.SecondInstanceID + "?Name=n&Description=d&Status=2", "",
			admin, 200, doneSample},
		{"an application with users", "DELETE", "/v1/Applications/applications/" + seed.ApplicationID, "", admin, 422,
			refusedSample(422, "AppToken")},
		{"an instance with users", "DELETE", "/v1/Instances/" + sandbox.InstanceID, "", admin, 422,
			refusedSample(422, "InstanceId")},
		{"an instance that is gone", "DELETE", "/v1/Instances/" + seed.CompanyID, "", admin, 200, resultSample("null")},
		{"an application that is gone", "DELETE", "/v1/Applications/applications/" + seed.CompanyID, "", admin, 200,
			resultSample("null")},
		{"change an application", "PATCH", "/v1/Applications/applications/" + seed.ApplicationID + "?Name=n", "", admin,
			200, doneSample},
		get("an instance by its code", "/v1/applications/"+seed.ApplicationID+"/instances/"+sandbox.InviteCode,
			instanceSample),
	}
}

func activitySamples(u tokens, admin headers) []sample {
	get := func(name, path, result string) sample {
		return sample{name, "GET", path, "", admin, 200, resultSample(result)}
	}
	return []sample{
		get("no trips", "/indicators/admin/v3/Statistics/Dates?UserId="+u.DeviceToken,
			`{"LatestTripDate": null, "LatestScoringDate": null}`),
		get("no levels", "/indicators/admin/v3/Statistics?UserId="+u.DeviceToken,
			`{"PermissionsLevel": null, "TrustLevel": null}`),
		get("no device status", heartbeatPath+"/"+u.DeviceToken+"/latest", "null"),
	}
}

// The published samples: what they send is taken, and what they got is what the sandbox
// answers. Every operation that the vendor's page states or that was seen live has one.
// (The limit on sign-ins has a test of its own.)
func TestPublishedSamples(t *testing.T) {
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, sandbox.Options{SignInLimit: -1})
	w.client = &http.Client{Transport: contract.Transport(sandbox.Transport(w.box), contracttest.Hold{Answers: true},
		func(err error) {
			t.Error(err)
		})}
	admin := w.asAdmin(t)
	u, old := w.register(t, `{"Email": "email@mail.com"}`), w.register(t, `{}`)
	for _, c := range slices.Concat(registrationSamples(), signInSamples(u, old), userSamples(u, admin),
		hierarchySamples(admin), activitySamples(old, admin)) {
		t.Run(c.name, func(t *testing.T) {
			r := w.do(t, c.method, c.path, c.h, c.body)
			if r.HTTP != c.status {
				t.Errorf("HTTP %d, want %d", r.HTTP, c.status)
			}
			if c.answer == "" {
				if r.Raw != "" {
					t.Errorf("got %s, want nothing", r.Raw)
				}
				return
			}
			var want, got any
			if err := json.Unmarshal([]byte(c.answer), &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(r.Raw), &got); err != nil {
				t.Fatal(err)
			}
			likeSample(t, "", got, want)
		})
	}
	for path, item := range contract.Doc.Paths.Map() {
		for method, op := range item.Operations() {
			source, _ := op.Extensions["x-source"].(string)
			if (strings.Contains(source, "live") || strings.Contains(source, "seed")) &&
				!slices.Contains(contract.Seen(), method+" "+path+" 200") {
				t.Errorf("%s %s is %s, and has no sample", method, path, source)
			}
		}
	}
}

// likeSample holds an answer to a sample: the same names, kinds and values; "..." is any
// text but an empty one.
func likeSample(t *testing.T, at string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			t.Errorf("%s: got %v, want the names of %v", at, got, want)
			return
		}
		for name, inner := range want {
			if _, there := object[name]; !there {
				t.Errorf("%s: there is no %s in %v", at, name, got)
			}
			likeSample(t, at+"."+name, object[name], inner)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			t.Errorf("%s: got %v, want %v", at, got, want)
			return
		}
		for i := range want {
			likeSample(t, fmt.Sprint(at, i), list[i], want[i])
		}
	case string:
		if text, ok := got.(string); !ok || text == "" && want != "" || want != "..." && text != want {
			t.Errorf("%s: got %v, want %q", at, got, want)
		}
	default:
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", at, got, want)
		}
	}
}
