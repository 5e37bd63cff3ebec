package sandbox_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/server"
)

type page struct {
	Users                               []person
	HasPreviousPage, HasNextPage        bool
	TotalUsers, TotalPages, CurrentPage int
}

func (p page) names() string {
	var names []string
	for _, u := range p.Users {
		name, _ := u.UserProfile["FirstName"].(string)
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (w *world) list(t testing.TB, as headers, body string) page {
	t.Helper()
	var p page
	w.do(t, "POST", "/v1/Management/users/GetFilteredPage", as, body).want(t, 200).into(t, &p)
	return p
}

// people registers some users with an hour between them.
func people(t testing.TB, w *world) {
	t.Helper()
	for _, body := range []string{
		`{"FirstName": "Eve", "ChildrenCount": 10, "Country": "UK", "City": "Leeds", "Email": "zz@example.com"}`,
		`{"FirstName": "ada", "ChildrenCount": 9, "Country": "uk", "City": "London", ` +
			`"UserFields": {"EnableRealTimeLocation": true}}`,
		`{"FirstName": "Bob", "Country": "US", "Status": "Deactivated"}`,
		`{"FirstName": "Cy", "InstanceInviteCode": "SANDBOX2", "ChildrenCount": 2}`,
		`{"FirstName": "Dan", "Country": "US", "City": "London", "UserFields": {"ClientId": "client-7"}}`,
	} {
		w.register(t, body)
		w.Move(time.Hour)
	}
}

func TestListsAreSortedAndFiltered(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		people(t, w)
		as := w.asAdmin(t)
		for body, want := range map[string]string{
			`"Sort": "DateCreated"`:                            "Eve ada Bob Cy Dan",
			`"Sort": "DateCreatedDesc"`:                        "Dan Cy Bob ada Eve",
			`"sort": "firstname"`:                              "ada Bob Cy Dan Eve",
			`"Sort": "FirstNameDesc"`:                          "Eve Dan Cy Bob ada",
			`"Sort": "ChildrenCount"`:                          "Cy ada Eve Bob Dan",
			`"Sort": "ChildrenCountDesc"`:                      "Eve ada Cy Bob Dan",
			`"Sort": "Email"`:                                  "Eve ada Bob Cy Dan",
			`"Sort": "ActivityStatus"`:                         "Eve ada Bob Cy Dan",
			`"ShowInactiveUsers": false`:                       "Eve ada Cy Dan",
			`"Country": "UK"`:                                  "Eve ada",
			`"City": "london"`:                                 "ada Dan",
			`"Country": "US", "City": "London"`:                "Dan",
			`"RtdEnabled": true`:                               "ada",
			`"RtdEnabled": false`:                              "Eve Bob Cy Dan",
			`"SearchTerm": "D"`:                                "Dan",
			`"SearchTerm": "client-"`:                          "Dan",
			`"SearchTerm": "nobody"`:                           "",
			`"ActivityStatuses": ["Active"]`:                   "",
			`"ActivityStatuses": ["NoData", "Lost"]`:           "Eve ada Bob Cy Dan",
			`"InstanceIds": ["` + seed.SecondInstanceID + `"]`: "Cy",
			`"InstanceIds": [], "ApplicationIds": ["` + seed.ApplicationID + `"]`:              "Eve ada Bob Cy Dan",
			`"CompanyIds": ["` + seed.CompanyID + `"], "Sort": "FirstName"`:                    "ada Bob Cy Dan Eve",
			`"DateCreatedFrom": "2026-11-22T13:00:00", "DateCreatedTo": "2026-11-22T15:00:00"`: "ada Bob Cy",
			`"DateCreatedFrom": "2026-11-22T15:30:00Z"`:                                        "Dan",
			`"City": "London", "Sort": "ChildrenCountDesc"`:                                    "ada Dan",
		} {
			if !strings.Contains(body, "ShowInactive") {
				body += `, "ShowInactiveUsers": true`
			}
			p := w.list(t, as, `{"PageNumber": 1, "PageSize": 10, `+body+`}`)
			if p.names() != want || p.TotalUsers != len(strings.Fields(want)) {
				t.Errorf("%s: got %s (of %d), want %s", body, p.names(), p.TotalUsers, want)
			}
		}
	})
}

func TestPages(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		people(t, w)
		as := w.asAdmin(t)
		for _, c := range []struct {
			number     int
			names      string
			prev, next bool
		}{{1, "Cy ada", false, true}, {2, "Eve Bob", true, true}, {3, "Dan", true, false}, {4, "", true, false},
			{2, "Eve Bob", true, true}} {
			p := w.list(t, as, fmt.Sprintf(`{"PageNumber": %d, "PageSize": 2, "Sort": "ChildrenCount", `+
				`"ShowInactiveUsers": true}`, c.number))
			if p.names() != c.names || p.HasPreviousPage != c.prev || p.HasNextPage != c.next || p.TotalUsers != 5 ||
				p.TotalPages != 3 || p.CurrentPage != c.number {
				t.Errorf("page %d: %s %+v", c.number, p.names(), p)
			}
		}
		const path = "/v1/Management/users/GetFilteredPage"
		w.do(t, "POST", path, as, `{}`).want(t, 422, "PageNumber", "PageSize")
		w.do(t, "POST", path, as, `{"PageNumber": 0, "PageSize": 1001, "Sort": "Shoe", "ActivityStatuses": ["x"], `+
			`"InstanceIds": ["y"]}`).
			want(t, 422, "PageNumber", "PageSize", "InstanceIds", "Sort", "ActivityStatuses")
	})
}

// A long list is walked along the sort's index with the place remembered from page to
// page; it must be the same list as one sorted all at once, filtered or not, and a change
// in between must not disturb it.
func TestAWalkThroughALongListMissesNobody(t *testing.T) {
	onBothEngines(t, func(t *testing.T, w *world) {
		const all = 2200
		total := 0
		for ; total < all*2/3; total += 100 { // who has no name
			w.do(t, "POST", server.MultiplePath, theInstance, `{"CreateAccessToken": false, "Quantity": 100}`).
				want(t, 200)
		}
		for ; total < all; total++ {
			w.register(t, fmt.Sprintf(`{"CreateAccessToken": false, "Country": "UK", "FirstName": "n%04d"}`, (total*7919)%all))
		}
		as := w.asAdmin(t)
		for _, body := range []string{
			`"Sort": "FirstName"`, `"Sort": "FirstNameDesc"`, `"Sort": "FirstNameDesc", "ActivityStatuses": ["NoData"]`,
			`"Sort": "DateCreatedDesc"`,
		} {
			seen := map[string]bool{}
			last, nameless := "", false
			for number := 1; ; number++ {
				p := w.list(t, as, fmt.Sprintf(`{"PageNumber": %d, "PageSize": 300, "ShowInactiveUsers": true, %s}`, number, body))
				for _, u := range p.Users {
					seen[u.DeviceToken] = true
					name, _ := u.UserProfile["FirstName"].(string)
					if strings.Contains(body, "FirstName") {
						if (name == "") != nameless && nameless {
							t.Fatalf("%s: a name after those without", body)
						}
						nameless = name == ""
						if last != "" && name != "" && (name < last) != strings.Contains(body, "Desc") {
							t.Fatalf("%s: %s after %s", body, name, last)
						}
						last = name
					}
				}
				if p.TotalUsers != total {
					t.Fatalf("%d in all", p.TotalUsers)
				}
				if !p.HasNextPage {
					break
				}
			}
			if len(seen) != total {
				t.Errorf("%s: %d of %d", body, len(seen), total)
			}
		}
		one := w.list(t, as, `{"PageNumber": 1, "PageSize": 1, "Sort": "FirstNameDesc", "ShowInactiveUsers": true}`)
		w.do(t, "DELETE", "/v1/Management/users/"+one.Users[0].DeviceToken, as, "").want(t, 200)
		two := w.list(t, as, `{"PageNumber": 1, "PageSize": 1, "Sort": "FirstNameDesc", "ShowInactiveUsers": true}`)
		if two.Users[0].DeviceToken == one.Users[0].DeviceToken || two.TotalUsers != total-1 {
			t.Error("a deleted user is listed still")
		}
	})
}
