package hierarchy

import (
	"context"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// mark begins the description of a throw-away instance. It is never reworded: instances that exist
// carry it.
const mark = "[telematicsctl throw-away]"

// description is what a person reads of a throw-away instance in the vendor's console.
const description = mark + " made for one test run, and deleted with its users"

// ThrowAway reports whether an instance is marked as one that may be deleted with its users.
func ThrowAway(in userservice.InstanceInfo) bool {
	return strings.HasPrefix(strings.TrimSpace(in.Description), mark)
}

// New is an instance to create.
type New struct {
	Name      string
	AppID     string // "" where the admin may act on one application alone
	ThrowAway bool
}

// Application returns the application that a new instance belongs to: the named one, or the only
// one.
func (n New) Application(ctx context.Context, api API) (userservice.Application, error) {
	if n.AppID != "" {
		return api.Application(ctx, admin, n.AppID)
	}
	tree, err := Read(ctx, api, func(error) {})
	if err != nil {
		return userservice.Application{}, err
	}
	var names []string
	var only userservice.Application
	for _, c := range tree {
		for _, a := range c.Applications {
			only = userservice.Application{ID: a.ID, Name: a.Name, Status: a.Status, Instances: a.Instances}
			names = append(names, a.ID+" ("+a.Name+")")
		}
	}
	switch len(names) {
	case 0:
		return only, failure.New(failure.Invalid, "no application that this admin may act on").Because(ReasonApplication, "")
	case 1:
		return only, nil
	}
	return only, failure.Newf(failure.Invalid, "%d applications: %s", len(names), strings.Join(names, ", ")).
		Because(ReasonApplication, "")
}

// Create creates an instance in an application, and returns it with its key. The name must be new
// there: by it the instance is found again after a lost answer. An instance may be returned with an
// error: it exists, and could not be marked as throw-away.
func Create(ctx context.Context, api API, app userservice.Application, n New) (userservice.InstanceInfo, error) {
	if slices.ContainsFunc(app.Instances, func(in userservice.InstanceInfo) bool { return in.Name == n.Name }) {
		return userservice.InstanceInfo{}, failure.Newf(failure.Invalid, "an instance named %q exists already", n.Name).
			Because(ReasonNameTaken, n.Name)
	}
	in := userservice.NewInstance{Name: n.Name}
	if n.ThrowAway {
		in.Description = description
	}
	created, err := api.CreateInstance(ctx, admin, app.ID, in)
	if err != nil {
		if !failure.MayHaveApplied(err) {
			return created, err
		}
		if created, err = findAgain(ctx, api, app.ID, n.Name, err); err != nil {
			return created, err
		}
	}
	created.Name, created.AppID, created.AppName = n.Name, app.ID, app.Name
	if !n.ThrowAway {
		return created, nil
	}
	return created, ensureMark(ctx, api, created.ID)
}

// findAgain looks for an instance whose creation was not answered; otherwise is the error where it
// is not there, or cannot be looked for.
func findAgain(ctx context.Context, api API, appID, name string, otherwise error) (userservice.InstanceInfo, error) {
	list, err := api.Instances(context.WithoutCancel(ctx), admin, appID)
	if err != nil {
		return userservice.InstanceInfo{}, otherwise
	}
	for _, in := range list {
		if in.Name == name && !in.Key.IsZero() {
			return in, nil
		}
	}
	return userservice.InstanceInfo{}, otherwise
}

// ensureMark makes sure that a new instance carries the mark: that its creation takes a description
// is assumed, that a change does is known (live).
func ensureMark(ctx context.Context, api API, id string) error {
	for range 2 {
		in, err := api.Instance(ctx, admin, id)
		if err != nil {
			return unmarked(id, err)
		}
		if ThrowAway(in) {
			return nil
		}
		text := description
		if err := api.UpdateInstance(ctx, admin, id, userservice.InstanceChange{Description: &text}); err != nil {
			return unmarked(id, err)
		}
	}
	in, err := api.Instance(ctx, admin, id)
	if err == nil && !ThrowAway(in) {
		err = failure.New(failure.Failed, "the service does not keep its description")
	}
	if err != nil {
		return unmarked(id, err)
	}
	return nil
}

func unmarked(id string, err error) error {
	f := failure.Prefix(err, "instance "+id+" was created, and could not be marked as throw-away")
	f.MayHaveApplied = true
	return f.Because(ReasonNotThrowAway, id)
}
