package userservice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// FindQuery is what users are found by: all criteria that are not empty must be met. Country and
// OsType only narrow the others.
type FindQuery struct {
	DeviceToken, Email, Phone, ClientID, FirstName, LastName, FullName string
	Country                                                            string
	OsType                                                             string // OsAndroid, OsIOS or ""
	IncludeAccountInfo                                                 bool   // with the names in AccountInfo
	ActiveOnly                                                         bool   // without deactivated users
}

// The operating systems, as find takes them (live).
const (
	OsAndroid = "0"
	OsIOS     = "1"
)

// Find lists the users who meet a query (GET /v1/Management/users/find; live). What the service
// returns beyond an asked DeviceToken, email, phone or ClientId is left out: these are compared
// exactly, as keys are.
func (c *Client) Find(ctx context.Context, as Caller, q FindQuery) ([]User, error) {
	values := url.Values{}
	for name, value := range map[string]string{
		"DeviceToken": q.DeviceToken, "Email": q.Email, "Phone": q.Phone, "ClientId": q.ClientID, "FirstName": q.FirstName,
		"LastName": q.LastName, "FullName": q.FullName,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return nil, failure.New(failure.Invalid, "find users: no criterion")
	}
	if q.Country != "" {
		values.Set("Country", q.Country)
	}
	if q.OsType != "" {
		values.Set("OsType", q.OsType)
	}
	if q.IncludeAccountInfo {
		values.Set("IncludeAccountInfo", "true")
	}
	values.Set("ShowInactiveUsers", fmt.Sprint(!q.ActiveOnly)) // its default is false (old)
	var found []User
	err := c.doAs(ctx, as, call{
		name: "find users", method: http.MethodGet, path: "/v1/Management/users/find?" + values.Encode(), retry: always,
		decode: func(result []byte) error { found = nil; return json.Unmarshal(result, &found) },
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(u User) bool { return !q.matches(&u) }), nil
}

func (q *FindQuery) matches(u *User) bool {
	if q.DeviceToken != "" && canonical(q.DeviceToken) != u.DeviceToken {
		return false
	}
	for name, want := range map[string]string{"Email": q.Email, "Phone": q.Phone, "ClientId": q.ClientID} {
		f := field.MustGet(name)
		if want != "" && f.Normalize(want) != f.Normalize(u.Fields.Text(name)) {
			return false
		}
	}
	return true
}

// Get returns the user with a DeviceToken; failure.NotFound where there is none within the
// caller's reach.
func (c *Client) Get(ctx context.Context, as Caller, deviceToken string, accountInfo bool) (User, error) {
	found, err := c.Find(ctx, as, FindQuery{DeviceToken: deviceToken, IncludeAccountInfo: accountInfo})
	switch {
	case err != nil:
		return User{}, err
	case len(found) == 0:
		return User{}, failure.New(failure.NotFound, "no user "+deviceToken).Because(ReasonNoSuchUser, deviceToken)
	}
	return found[0], nil
}

// ListQuery asks for one page of users. The zero value of each member is its default, or no filter.
type ListQuery struct {
	InstanceIDs, ApplicationIDs, CompanyIDs []string // UUIDs
	Page                                    int      // from 1
	PageSize                                int      // DefaultPageSize where 0
	IncludeAccountInfo                      bool     // with the names in AccountInfo
	Search                                  string
	Sort                                    string   // one of Sorts, also with Desc; DateCreatedDesc where ""
	ActivityStatuses                        []string // of ActivityStatuses
	CreatedFrom, CreatedTo                  time.Time
	Country, City                           string
	ActiveOnly                              bool  // without deactivated users
	RTD                                     *bool // RtdEnabled: real-time data on or off
	Only                                    *Only // what is needed of each user; nil: everything
}

// DefaultPageSize is how many users a page has unless a query says otherwise.
const DefaultPageSize = 100

// Sorts are the fields that a list can be sorted by; each also with Desc at its end (live).
var Sorts = []string{
	"DeviceToken", "FirstName", "LastName", "Nickname", "Phone", "Email", "Gender", "Birthday", "MaritalStatus",
	"ChildrenCount",
	"Country", "District", "City", "DateCreated", "ActivityStatus",
}

// ActivityStatuses are the values that a list can be filtered by (live). The user's own "No Data"
// has a space.
var ActivityStatuses = []string{"Active", "Inactive", "Lost", "NoData", "Error"}

// Page is one page of users.
type Page struct {
	Users                  []User
	HasPrevious, HasNext   bool
	TotalUsers, TotalPages int
	CurrentPage            int // from 1
}

// ListPage lists one page of the users within the caller's reach (POST
// /v1/Management/users/GetFilteredPage; live).
func (c *Client) ListPage(ctx context.Context, as Caller, q ListQuery) (Page, error) {
	body, err := json.Marshal(q.body())
	if err != nil {
		return Page{}, failure.Wrap(failure.Invalid, "list users", err)
	}
	var page readPage
	check := func() error {
		if got := int(page.CurrentPage); got != 0 && got != max(q.Page, 1) {
			return fmt.Errorf("it is page %d, and page %d was asked for", got, max(q.Page, 1))
		}
		return nil
	}
	err = c.doAs(ctx, as, call{
		name: "list users", method: http.MethodPost, path: "/v1/Management/users/GetFilteredPage", body: body,
		contentType: jsonPatchType, retry: always, copies: true,
		fastDecode: func(answer []byte) (ok bool) {
			page, ok = scanPage(answer, &q)
			return ok && check() == nil
		},
		decode: func(result []byte) error {
			page = readPage{}
			if err := json.Unmarshal(result, &page); err != nil {
				return err
			}
			return check()
		},
	})
	if err != nil {
		return Page{}, err
	}
	return Page{
		page.Users, is(page.HasPreviousPage), is(page.HasNextPage), int(page.TotalUsers), int(page.TotalPages),
		max(q.Page, 1),
	}, nil
}

// readPage is a page as it is read (live).
type readPage struct {
	Users                        []User
	HasPreviousPage, HasNextPage truth
	TotalUsers, TotalPages       number
	CurrentPage                  number
}

func is(b truth) bool { return b.value != nil && *b.value }

// pageRequest is the body of a list call. The first five are required (live).
type pageRequest struct {
	PageNumber         int
	PageSize           int
	IncludeAccountInfo bool
	Sort               string
	ShowInactiveUsers  bool

	InstanceIds      []string `json:",omitempty"`
	ApplicationIds   []string `json:",omitempty"`
	CompanyIds       []string `json:",omitempty"`
	SearchTerm       string   `json:",omitempty"`
	ActivityStatuses []string `json:",omitempty"`
	DateCreatedFrom  string   `json:",omitempty"`
	DateCreatedTo    string   `json:",omitempty"`
	Country          string   `json:",omitempty"`
	City             string   `json:",omitempty"`
	RtdEnabled       *bool    `json:",omitempty"`
}

func (q *ListQuery) body() pageRequest {
	r := pageRequest{
		PageNumber: max(q.Page, 1), PageSize: q.PageSize, IncludeAccountInfo: q.IncludeAccountInfo, Sort: q.Sort,
		ShowInactiveUsers: !q.ActiveOnly, InstanceIds: q.InstanceIDs, ApplicationIds: q.ApplicationIDs,
		CompanyIds: q.CompanyIDs,
		SearchTerm: q.Search, Country: q.Country, City: q.City, RtdEnabled: q.RTD,
		DateCreatedFrom: written(q.CreatedFrom), DateCreatedTo: written(q.CreatedTo),
	}
	if r.PageSize <= 0 {
		r.PageSize = DefaultPageSize
	}
	if r.Sort == "" {
		r.Sort = "DateCreatedDesc"
	}
	for _, status := range q.ActivityStatuses {
		r.ActivityStatuses = append(r.ActivityStatuses, strings.ReplaceAll(status, " ", ""))
	}
	return r
}

// written is a time as it is sent; "" for none.
func written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
