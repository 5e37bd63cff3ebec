// Package hierarchy reads and changes what is above the users: companies, their applications, and
// the instances of these. Throw-away instances, made for one test run, are marked in their
// description, and only those are ever deleted together with their users.
package hierarchy

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Reasons of errors of this room.
const (
	ReasonNoInstance    failure.Reason = "instance-not-found"    // the subject is the ID or name
	ReasonManyInstances failure.Reason = "instance-ambiguous"    // the subject is the name
	ReasonNameTaken     failure.Reason = "instance-name-taken"   // the subject is the name
	ReasonApplication   failure.Reason = "application-ambiguous" // there is not exactly one application
	ReasonHasUsers      failure.Reason = "instance-has-users"    // the subject is the InstanceId
	ReasonNotThrowAway  failure.Reason = "instance-not-marked"   // the subject is the InstanceId
	ReasonUsersLeft     failure.Reason = "instance-users-left"   // the subject is the InstanceId
)

// API makes the calls; *userservice.Client does. All are made as the admin.
type API interface {
	Permissions(ctx context.Context, as userservice.Caller) (userservice.Permissions, error)
	Applications(ctx context.Context, as userservice.Caller, companyID string) ([]userservice.Application, error)
	Application(ctx context.Context, as userservice.Caller, id string) (userservice.Application, error)
	Instances(ctx context.Context, as userservice.Caller, appID string) ([]userservice.InstanceInfo, error)
	Instance(ctx context.Context, as userservice.Caller, id string) (userservice.InstanceInfo, error)
	CreateInstance(
		ctx context.Context, as userservice.Caller, appID string, in userservice.NewInstance,
	) (userservice.InstanceInfo, error)
	UpdateInstance(ctx context.Context, as userservice.Caller, id string, change userservice.InstanceChange) error
	DeleteInstance(ctx context.Context, as userservice.Caller, id string) error
}

// Company is a company with what the admin may act on in it. The service does not tell its name.
type Company struct {
	ID           string
	Applications []Application
}

// Application is an application with the instances that the admin may act on. The name and status
// are empty where the admin may not read the application itself.
type Application struct {
	ID, Name, Status string
	Instances        []userservice.InstanceInfo
}

// atOnce is how many reads are in flight at most.
const atOnce = 8

var admin = userservice.AsAdmin()

// Read returns what the admin may act on, whichever of the three levels a permission is of: sorted
// by name, everything once. What a permission names and cannot be read is passed to unreadable, and
// left out.
func Read(ctx context.Context, api API, unreadable func(error)) ([]Company, error) {
	p, err := api.Permissions(ctx, admin)
	if err != nil {
		return nil, err
	}
	r := reader{api: api, unreadable: unreadable, companies: map[string]map[string]*Application{}}
	if err := r.readCompanies(ctx, p.Companies); err != nil {
		return nil, err
	}
	if err := r.readApplications(ctx, p.Applications); err != nil {
		return nil, err
	}
	if err := r.readInstances(ctx, p.Instances); err != nil {
		return nil, err
	}
	return r.tree(), nil
}

// reader gathers the tree from the top down, so that nothing is read that a level above has shown.
type reader struct {
	api        API
	unreadable func(error)
	companies  map[string]map[string]*Application // by CompanyId and AppId
}

type permission = userservice.Permission

func (r *reader) add(companyID, appID string) *Application {
	apps := r.companies[companyID]
	if apps == nil {
		apps = map[string]*Application{}
		r.companies[companyID] = apps
	}
	if appID == "" {
		return nil
	}
	if apps[appID] == nil {
		apps[appID] = &Application{ID: appID}
	}
	return apps[appID]
}

func (r *reader) readCompanies(ctx context.Context, list []permission) error {
	found, err := each(ctx, r, list, func(ctx context.Context, p permission) ([]userservice.Application, error) {
		return r.api.Applications(ctx, admin, p.CompanyID)
	})
	if err != nil {
		return err
	}
	var apps []*Application
	for i, applications := range found {
		company := list[i].CompanyID
		r.add(company, "")
		for _, a := range applications {
			app := r.add(company, a.ID)
			app.Name, app.Status = a.Name, a.Status
			apps = append(apps, app)
		}
	}
	return r.fill(ctx, apps)
}

func (r *reader) readApplications(ctx context.Context, list []permission) error {
	list = slices.DeleteFunc(slices.Clone(list), func(p permission) bool {
		return r.companies[p.CompanyID][p.AppID] != nil
	})
	found, err := each(ctx, r, list, func(ctx context.Context, p permission) (userservice.Application, error) {
		return r.api.Application(ctx, admin, p.AppID)
	})
	if err != nil {
		return err
	}
	var apps []*Application
	for i, a := range found {
		if a.ID == "" {
			continue
		}
		app := r.add(list[i].CompanyID, a.ID)
		app.Name, app.Status = a.Name, a.Status
		apps = append(apps, app)
	}
	return r.fill(ctx, apps)
}

// fill reads the instances of applications.
func (r *reader) fill(ctx context.Context, apps []*Application) error {
	found, err := each(ctx, r, apps, func(ctx context.Context, a *Application) ([]userservice.InstanceInfo, error) {
		return r.api.Instances(ctx, admin, a.ID)
	})
	for i, list := range found {
		apps[i].Instances = list
	}
	return err
}

func (r *reader) readInstances(ctx context.Context, list []permission) error {
	list = slices.DeleteFunc(slices.Clone(list), func(p permission) bool { return r.has(p.InstanceID) })
	found, err := each(ctx, r, list, func(ctx context.Context, p permission) (userservice.InstanceInfo, error) {
		return r.api.Instance(ctx, admin, p.InstanceID)
	})
	if err != nil {
		return err
	}
	for i, in := range found {
		if in.ID == "" || r.has(in.ID) {
			continue
		}
		app := r.add(cmp.Or(in.CompanyID, list[i].CompanyID), cmp.Or(in.AppID, list[i].AppID))
		app.Name = cmp.Or(app.Name, in.AppName)
		app.Instances = append(app.Instances, in)
	}
	return nil
}

func (r *reader) has(id string) bool {
	for _, apps := range r.companies {
		for _, a := range apps {
			if slices.ContainsFunc(a.Instances, func(in userservice.InstanceInfo) bool { return in.ID == id }) {
				return true
			}
		}
	}
	return false
}

// tree returns what was gathered, sorted by name.
func (r *reader) tree() []Company {
	var out []Company
	for id, apps := range r.companies {
		c := Company{ID: id}
		for _, a := range apps {
			for i := range a.Instances {
				in := &a.Instances[i]
				in.AppID, in.AppName, in.CompanyID = a.ID, a.Name, id
			}
			slices.SortFunc(a.Instances, func(a, b userservice.InstanceInfo) int {
				return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
			})
			c.Applications = append(c.Applications, *a)
		}
		slices.SortFunc(c.Applications, func(a, b Application) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
		})
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Company) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// each reads one thing for each of list, several at once. What the service says is not there, or
// out of reach, is the zero value.
func each[A, B any](ctx context.Context, r *reader, list []A, read func(context.Context, A) (B, error)) ([]B, error) {
	out, missing := make([]B, len(list)), make([]error, len(list))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, one := range list {
		g.Go(func() error {
			value, err := read(ctx, one)
			if f := failure.From(err); err != nil && f.Enveloped && (f.Code == failure.NotFound || f.Status == 403) {
				missing[i] = err
				return nil
			}
			out[i] = value
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, err := range missing {
		if err != nil {
			r.unreadable(err)
		}
	}
	return out, nil
}

// Find returns the one instance of an ID or a name, in full.
func Find(ctx context.Context, api API, ref string) (userservice.InstanceInfo, error) {
	if id, err := field.ParseUUID(ref); err == nil {
		in, err := api.Instance(ctx, admin, id)
		if failure.Is(err, failure.NotFound) {
			return in, noInstance(id)
		}
		return in, err
	}
	tree, err := Read(ctx, api, func(error) {})
	if err != nil {
		return userservice.InstanceInfo{}, err
	}
	var found []userservice.InstanceInfo
	for _, c := range tree {
		for _, a := range c.Applications {
			for _, in := range a.Instances {
				if in.Name == ref {
					found = append(found, in)
				}
			}
		}
	}
	switch len(found) {
	case 0:
		return userservice.InstanceInfo{}, noInstance(strconv.Quote(ref))
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, in := range found {
		ids = append(ids, in.ID+" (of "+cmp.Or(in.AppName, in.AppID)+")")
	}
	return userservice.InstanceInfo{}, failure.Newf(failure.Invalid, "%d instances are named %q: %s",
		len(found), ref, strings.Join(ids, ", ")).Because(ReasonManyInstances, ref)
}

func noInstance(which string) error {
	return failure.New(failure.NotFound, "no instance "+which+" that this admin may act on").
		Because(ReasonNoInstance, which)
}
