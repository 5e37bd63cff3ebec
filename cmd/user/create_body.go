package user

import (
	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// createBody gathers the fields from --data and the flags, and reports all
// mistakes at once; an instance that is not set is one.
func createBody(a *cmdutil.App, o createOptions, noInstance error) (field.Set, error) {
	r := field.Reader{Use: field.Create, Now: a.Now(), SkipValidation: o.noValidate}
	if o.data != "" {
		data, err := a.ReadInput("--data", o.data)
		if err != nil {
			return field.Set{}, err
		}
		r.JSON(data)
	}
	if _, err := cmdutil.OneOf(o.ifExists, "ok"); o.ifExists != "" && err != nil {
		r.Mistakes = append(r.Mistakes, failure.Field{Key: "--if-exists", Message: err.Error()})
	}
	if token := field.MustGet("CustomToken"); o.given[token] == "new" {
		o.given[token] = uuid.NewString()
	}
	readInto(&r, o.given)
	if o.accessToken != nil {
		r.Set.Put(field.MustGet("CreateAccessToken"), *o.accessToken)
	} else if _, given := r.Set.Get("CreateAccessToken"); !given {
		r.Set.Put(field.MustGet("CreateAccessToken"), true)
	}
	if noInstance != nil {
		missing := failure.From(noInstance)
		if len(r.Mistakes) == 0 {
			return r.Set, missing
		}
		r.Mistakes = append(r.Mistakes, missing.Fields...)
	}
	return r.Set, failure.InvalidFields("the user is invalid, and nothing was sent", r.Mistakes)
}

func wantsTokens(body field.Set) bool {
	wants, _ := body.Get("CreateAccessToken")
	return wants != false
}
