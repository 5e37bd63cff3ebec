package fleet

import (
	"context"
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// Lister lists users; *userservice.Client does.
type Lister interface {
	ListPage(ctx context.Context, as userservice.Caller, q userservice.ListQuery) (userservice.Page, error)
}

// Finder finds users; *userservice.Client does.
type Finder interface {
	Find(ctx context.Context, as userservice.Caller, q userservice.FindQuery) ([]userservice.User, error)
}

// ByCreation is the order in which a list is read that may move: new users come last.
const ByCreation = "DateCreated"

// FetchList returns a Fetch for the pages of a query. Where the query names no order, it is that of
// the users' creation.
func FetchList(api Lister, as userservice.Caller, q userservice.ListQuery) Fetch {
	if q.Sort == "" {
		q.Sort = ByCreation
	}
	return func(ctx context.Context, number, size int) (Page, error) {
		q := q
		q.Page, q.PageSize = number, size
		page, err := api.ListPage(ctx, as, q)
		if err != nil {
			return Page{}, err
		}
		return Page{Users: page.Users, Total: page.TotalUsers, More: page.HasNext}, nil
	}
}

// FetchMembers returns a Fetch for the pages of all users of an instance, of whom only what a
// Membership keeps is read: their flags and Status.
func FetchMembers(api Lister, as userservice.Caller, instanceID string) Fetch {
	flags := slices.DeleteFunc(field.All(field.Update), func(f *field.Field) bool { return f.Kind != field.Flag })
	return FetchList(api, as, userservice.ListQuery{InstanceIDs: []string{instanceID},
		Only: &userservice.Only{Fields: flags}})
}

// FetchInstance returns a Fetch for the pages of all users of an instance.
func FetchInstance(api Lister, as userservice.Caller, instanceID string) Fetch {
	return FetchList(api, as, userservice.ListQuery{InstanceIDs: []string{instanceID}})
}

// FetchInstanceOnly is FetchInstance where only some of each user is read.
func FetchInstanceOnly(api Lister, as userservice.Caller, instanceID string, only *userservice.Only) Fetch {
	return FetchList(api, as, userservice.ListQuery{InstanceIDs: []string{instanceID}, Only: only})
}

// FindIn returns a Find.
func FindIn(api Finder, as userservice.Caller) Find {
	return func(ctx context.Context, f *field.Field, value string) ([]userservice.User, error) {
		q, err := queryFor(f, value)
		if err != nil {
			return nil, err
		}
		return api.Find(ctx, as, q)
	}
}

// Findable reports whether users can be found by a field.
func Findable(f *field.Field) bool {
	_, err := queryFor(f, "")
	return err == nil
}

func queryFor(f *field.Field, value string) (q userservice.FindQuery, err error) {
	if f == nil {
		q.DeviceToken = value
		return q, nil
	}
	switch f.Name {
	case "ClientId":
		q.ClientID = value
	case "Email":
		q.Email = value
	case "Phone":
		q.Phone = value
	case "FirstName":
		q.FirstName = value
	case "LastName":
		q.LastName = value
	default:
		err = failure.Newf(failure.Invalid, "users cannot be found by their %s", f.Name)
	}
	return q, err
}
