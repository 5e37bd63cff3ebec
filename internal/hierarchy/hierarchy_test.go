package hierarchy_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/hierarchy"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/seed"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

const layout = `
Companies:
- Id: 00000000-0000-4000-8000-000000000001
  Name: One
  Applications:
  - Id: 00000000-0000-4000-8000-000000000011
    Name: Vans
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000112, Key: 00000000-0000-4000-8000-000000009112, Name: South,
       Status: Deactivated}
    - {Id: 00000000-0000-4000-8000-000000000111, Key: 00000000-0000-4000-8000-000000009111, Name: North}
  - Id: 00000000-0000-4000-8000-000000000012
    Name: Cars
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000121, Key: 00000000-0000-4000-8000-000000009121, Name: North}
- Id: 00000000-0000-4000-8000-000000000002
  Name: Two
  Applications:
  - Id: 00000000-0000-4000-8000-000000000021
    Name: Trucks
    Instances:
    - {Id: 00000000-0000-4000-8000-000000000211, Key: 00000000-0000-4000-8000-000000009211, Name: All}
Admins:
- {Email: company@example.com, Password: p, Companies: [00000000-0000-4000-8000-000000000001]}
- {Email: application@example.com, Password: p, Applications: [00000000-0000-4000-8000-000000000011]}
- {Email: instance@example.com, Password: p, Instances: [00000000-0000-4000-8000-000000000111]}
- {Email: mixed@example.com, Password: p, Companies: [00000000-0000-4000-8000-000000000002],
   Applications: [00000000-0000-4000-8000-000000000012, 00000000-0000-4000-8000-000000000021],
   Instances: [00000000-0000-4000-8000-000000000211, 00000000-0000-4000-8000-000000000111]}
- {Email: nobody@example.com, Password: p}
`

const north, south = "00000000-0000-4000-8000-000000000111", "00000000-0000-4000-8000-000000000112"

// wire answers for the sandbox where it wants to; nil leaves a request alone.
type wire struct {
	next  http.RoundTripper
	spoil func(*http.Request) error
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(req)
	if w.spoil != nil && err == nil {
		if lost := w.spoil(req); lost != nil {
			_ = resp.Body.Close()
			return nil, lost
		}
	}
	return resp, err
}

func signIn(t *testing.T, email string) (*userservice.Client, *wire) {
	t.Helper()
	l, err := seed.ReadLayout(strings.NewReader(layout))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Open(sandbox.Options{Layout: &l, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	w := &wire{next: sandbox.Transport(box)}
	const at = "http://localhost"
	c, err := userservice.New(userservice.Options{UserURL: at, AccountsURL: at, PortalURL: at, Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.SignInAdmin(t.Context(), email+"@example.com", secret.New("p"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Once().WithAuthorizer(userservice.StaticToken{JWT: pair.Access}), w
}

// Whichever level a permission is of, the tree has everything below it, and everything once.
func TestTheTreeOfEachLevelOfPermission(t *testing.T) {
	t.Parallel()
	for admin, want := range map[string]string{
		"company":     "1: Cars[North] Vans[North South]",
		"application": "1: Vans[North South]",
		"instance":    "1: Vans[North]",
		"mixed":       "1: Cars[North] Vans[North]; 2: Trucks[All]",
		"nobody":      "",
	} {
		c, _ := signIn(t, admin)
		tree, err := hierarchy.Read(t.Context(), c, func(err error) { t.Error(admin, err) })
		if err != nil {
			t.Fatal(admin, err)
		}
		var companies []string
		for _, c := range tree {
			text := c.ID[len(c.ID)-1:] + ":"
			for _, a := range c.Applications {
				var names []string
				for _, in := range a.Instances {
					names = append(names, in.Name)
					if in.AppID != a.ID || in.CompanyID != c.ID {
						t.Errorf("%s: %+v", admin, in)
					}
				}
				text += fmt.Sprintf(" %s%v", a.Name, names)
			}
			companies = append(companies, text)
		}
		if got := strings.Join(companies, "; "); got != want {
			t.Errorf("%s: %s, want %s", admin, got, want)
		}
	}
}

func TestAnInstanceIsFoundByIDOrName(t *testing.T) {
	t.Parallel()
	c, _ := signIn(t, "company")
	for ref, want := range map[string]struct {
		id     string
		reason failure.Reason
	}{
		north:                                  {id: north},
		"{" + strings.ToUpper(north) + "}":     {id: north},
		"South":                                {id: south},
		"North":                                {reason: hierarchy.ReasonManyInstances},
		"south":                                {reason: hierarchy.ReasonNoInstance},
		"00000000-0000-4000-8000-000000000211": {reason: hierarchy.ReasonNoInstance},
	} {
		in, err := hierarchy.Find(t.Context(), c, ref)
		if in.ID != want.id && want.reason == "" || want.reason != "" && !failure.HasReason(err, want.reason) {
			t.Errorf("%s: %+v, %v", ref, in, err)
		}
	}
}

func TestWhichApplicationANewInstanceIsOf(t *testing.T) {
	t.Parallel()
	for admin, want := range map[string]string{"company": "", "application": "Vans", "nobody": ""} {
		c, _ := signIn(t, admin)
		app, err := hierarchy.New{}.Application(t.Context(), c)
		if want == "" && !failure.HasReason(err, hierarchy.ReasonApplication) || want != "" && app.Name != want {
			t.Errorf("%s: %+v, %v", admin, app, err)
		}
	}
	c, _ := signIn(t, "company")
	if _, err := (hierarchy.New{AppID: uuid.NewString()}).Application(t.Context(), c); !failure.Is(err, failure.NotFound) {
		t.Errorf("an application that is not there: %v", err)
	}
}

// create creates a throw-away instance among the vans.
func create(t *testing.T, c *userservice.Client, name string) (userservice.InstanceInfo, error) {
	t.Helper()
	n := hierarchy.New{Name: name, ThrowAway: true, AppID: "00000000-0000-4000-8000-000000000011"}
	app, err := n.Application(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return hierarchy.Create(t.Context(), c, app, n)
}

// An instance whose creation was answered, or not, exists once, and is marked.
func TestAThrowAwayInstanceIsCreatedOnce(t *testing.T) {
	t.Parallel()
	for happened, spoil := range map[string]func(*http.Request) error{
		"the answer came": nil,
		"the answer was lost": func(req *http.Request) error {
			if req.Method == http.MethodPost && strings.HasSuffix(req.URL.Path, "/instances") {
				return errors.New("connection reset")
			}
			return nil
		},
	} {
		c, w := signIn(t, "company")
		w.spoil = spoil
		in, err := create(t, c, "ci-1")
		if err != nil || in.Key.IsZero() {
			t.Errorf("%s: %+v, %v", happened, in, err)
			continue
		}
		again, err := create(t, c, "ci-1")
		if !failure.HasReason(err, hierarchy.ReasonNameTaken) {
			t.Errorf("%s: the same name again: %+v, %v", happened, again, err)
		}
		if read, err := c.Instance(t.Context(), userservice.AsAdmin(), in.ID); err != nil || !hierarchy.ThrowAway(read) {
			t.Errorf("%s: %+v, %v", happened, read, err)
		}
	}
}

// forgetful is a service that ignores the description of a new instance.
type forgetful struct {
	*userservice.Client
	changes bool // a later one is kept
}

func (f forgetful) CreateInstance(
	ctx context.Context, as userservice.Caller, app string, in userservice.NewInstance,
) (userservice.InstanceInfo, error) {
	return f.Client.CreateInstance(ctx, as, app, userservice.NewInstance{Name: in.Name})
}

func (f forgetful) UpdateInstance(
	ctx context.Context, as userservice.Caller, id string, c userservice.InstanceChange,
) error {
	if !f.changes {
		return nil
	}
	return f.Client.UpdateInstance(ctx, as, id, c)
}

func TestTheMarkIsMadeSureOf(t *testing.T) {
	t.Parallel()
	for _, changes := range []bool{true, false} {
		c, _ := signIn(t, "application")
		api := forgetful{c, changes}
		n := hierarchy.New{Name: "ci-1", ThrowAway: true}
		app, err := n.Application(t.Context(), api)
		if err != nil {
			t.Fatal(err)
		}
		in, err := hierarchy.Create(t.Context(), api, app, n)
		switch {
		case changes && err != nil:
			t.Error(err)
		case !changes && (!failure.HasReason(err, hierarchy.ReasonNotThrowAway) || in.ID == ""):
			t.Errorf("never marked: %+v, %v", in, err)
		}
	}
}

func register(t *testing.T, c *userservice.Client, in userservice.InstanceInfo, n int) {
	t.Helper()
	for range n {
		if _, err := c.Register(t.Context(), userservice.Instance{ID: in.ID, Key: in.Key}, field.Set{}); err != nil {
			t.Fatal(err)
		}
	}
}

func emptying(c *userservice.Client, deleted *[]job.Result) *hierarchy.Emptying {
	return &hierarchy.Emptying{
		API: c,
		Retry: operation.Retry{Retries: 2, First: time.Microsecond, Longest: time.Second, Clock: pace.Clock{
			Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		}},
		Deleted: func(_ context.Context, r job.Result) { *deleted = append(*deleted, r) },
	}
}

// An interrupted deletion goes on where it stood, and deletes the users of its instance
// alone, those registered meanwhile included.
func TestADeletionWithUsersIsResumed(t *testing.T) {
	t.Parallel()
	c, w := signIn(t, "company")
	in, err := create(t, c, "ci-1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Instance(t.Context(), userservice.AsAdmin(), north)
	if err != nil {
		t.Fatal(err)
	}
	in, _ = hierarchy.Find(t.Context(), c, in.ID)
	register(t, c, in, 30)
	register(t, c, other, 3)
	err = hierarchy.Delete(t.Context(), c, in)
	if !failure.HasReason(err, hierarchy.ReasonHasUsers) || !failure.Is(err, failure.Rejected) {
		t.Errorf("an instance with users: %v", err)
	}

	var results []job.Result
	e := emptying(c, &results)
	ctx, interrupt := context.WithCancel(t.Context())
	e.Deleted = func(_ context.Context, r job.Result) {
		if results = append(results, r); len(results) == 7 {
			interrupt()
		}
	}
	users, err := e.Users(ctx, in)
	if err != nil || len(users) != 30 {
		t.Fatal(len(users), err)
	}
	n, err := e.Run(ctx, in, users)
	if !failure.Is(err, failure.Interrupted) || !failure.HasReason(err, hierarchy.ReasonUsersLeft) || n < 7 || n == 30 {
		t.Errorf("interrupted: %d, %v", n, err)
	}

	var mu sync.Mutex
	lost := map[string]bool{}
	w.spoil = func(req *http.Request) error { // the answer about each user is lost once
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(req.URL.Path, "/users/") && req.Method == http.MethodDelete && !lost[req.URL.Path] {
			lost[req.URL.Path] = true
			return errors.New("connection reset")
		}
		return nil
	}
	results = nil
	e = emptying(c.Once(), &results)
	register(t, c, in, 2) // meanwhile
	n, err = e.Run(t.Context(), in, users)
	if err != nil || !slices.ContainsFunc(results, func(r job.Result) bool { return r.Outcome == job.Deleted }) {
		t.Fatalf("resumed: %d, %v", n, err)
	}
	if err := hierarchy.Delete(t.Context(), c, in); err != nil {
		t.Error(err)
	}
	if err := hierarchy.Delete(t.Context(), c, in); err != nil {
		t.Errorf("one that is gone: %v", err)
	}
	left, err := c.ListPage(t.Context(), userservice.AsAdmin(), userservice.ListQuery{InstanceIDs: []string{north}})
	if err != nil || left.TotalUsers != 3 {
		t.Errorf("the other instance has %d users, %v", left.TotalUsers, err)
	}
}

// unfiltered is a service that ignores which instance a list is asked for.
type unfiltered struct{ *userservice.Client }

func (u unfiltered) ListPage(
	ctx context.Context, as userservice.Caller, q userservice.ListQuery,
) (userservice.Page, error) {
	q.InstanceIDs = nil
	return u.Client.ListPage(ctx, as, q)
}

func TestNobodyElseIsDeleted(t *testing.T) {
	t.Parallel()
	c, _ := signIn(t, "company")
	other, err := c.Instance(t.Context(), userservice.AsAdmin(), north)
	if err != nil {
		t.Fatal(err)
	}
	register(t, c, other, 2)
	e := emptying(c, &[]job.Result{})
	if _, err := e.Users(t.Context(), other); !failure.HasReason(err, hierarchy.ReasonNotThrowAway) {
		t.Errorf("an instance without the mark: %v", err)
	}
	in, err := create(t, c, "ci-1")
	if err != nil {
		t.Fatal(err)
	}
	in, _ = hierarchy.Find(t.Context(), c, in.ID)
	e.API = unfiltered{c}
	if users, err := e.Users(t.Context(), in); err == nil || len(users) > 0 {
		t.Errorf("a list of other instances' users: %v, %v", users, err)
	}
}
