package userservice

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Pair is the two tokens that a subject acts by.
type Pair struct {
	Access    secret.String // AccessToken, a JWT
	ExpiresIn time.Duration // of the AccessToken, as the service says it
	Refresh   secret.String // RefreshToken; worthless once used
	// DeviceToken is whose the service says the pair is, as it writes it; "" where it does not
	// say, as for an admin.
	DeviceToken string
}

// Registered is one user as the service registered it.
type Registered struct {
	DeviceToken string // in canonical form
	Pair        *Pair  // nil where none was asked for
	// Repeated is set where the service refused a CustomToken as taken after an earlier attempt
	// of this very call had been lost on the way: that attempt had arrived. The user exists, and
	// its pair is not known.
	Repeated bool
	// IgnoresCustomToken is set where a CustomToken was sent and the service has chosen another
	// DeviceToken: there a registration is not idempotent, and must not be sent again.
	IgnoresCustomToken bool
}

func (in Instance) header() []header {
	return []header{{"Instanceid", in.ID}, {"Instancekey", in.Key.Reveal()}}
}

// Register registers one user (POST /v1/Registration/create; seed, live). It is not idempotent
// (live), so it is sent once, and an error with MayHaveApplied set means that the user may exist;
// with a CustomToken among the fields doing it twice is doing it once, and it is retried like a
// read.
func (c *Client) Register(ctx context.Context, in Instance, user field.Set) (Registered, error) {
	body, err := user.Body(field.Create)
	if err != nil {
		return Registered{}, failure.Wrap(failure.Invalid, "register a user", err)
	}
	var done Registered
	cl := call{
		name: "register a user", method: http.MethodPost, path: registerPath, header: in.header(), body: body,
		contentType: jsonType, changes: true, secrets: []secret.String{in.Key},
		decode: func(result []byte) (err error) {
			done, err = decodeOne(result)
			return err
		},
		fastDecode: func(answer []byte) (ok bool) {
			done, ok = decodeRegistration(answer)
			return ok
		},
	}
	token := user.Text("CustomToken")
	if token != "" {
		cl.retry = always
	}
	err = c.do(ctx, cl)
	switch {
	case err == nil:
		done.IgnoresCustomToken = token != "" && done.DeviceToken != token && done.DeviceToken != canonical(token)
		return done, nil
	case token != "" && failure.MayHaveApplied(err) && TokenTaken(err):
		return Registered{DeviceToken: canonical(token), Repeated: true}, nil
	case token != "" && TokenTaken(err):
		return Registered{}, withReason(err, ReasonTokenTaken, canonical(token))
	}
	return Registered{}, keyRefused(err, in)
}

// RegisterMany registers quantity users alike (path and answer are assumed; its body is from the
// seed). custom may have tracking, logging and enabled. It is sent once; an error with
// MayHaveApplied set means that all, some or none of the users may exist. The service may return
// fewer users than were asked for. Where it has no such call, the error satisfies NoSuchCall.
func (c *Client) RegisterMany(ctx context.Context, in Instance, quantity int, createAccessToken bool,
	custom field.Set) ([]Registered, error) {
	fields, err := custom.Body(field.Quantity)
	if err != nil {
		return nil, err
	}
	request := struct {
		Quantity          int
		CreateAccessToken bool
		CustomFields      json.RawMessage `json:",omitempty"`
	}{quantity, createAccessToken, fields}
	if custom.Len() == 0 {
		request.CustomFields = nil
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	var done []Registered
	err = c.do(ctx, call{
		name: "register many users", method: http.MethodPost, path: c.multiple, header: in.header(), body: body,
		contentType: jsonType, changes: true, absence: true, secrets: []secret.String{in.Key},
		decode: func(result []byte) (err error) {
			done, err = decodeMany(result)
			return err
		},
	})
	return done, keyRefused(err, in)
}

// keyRefused says of a refusal by InstanceId and InstanceKey that it is about these.
func keyRefused(err error, in Instance) error {
	if !failure.Is(err, failure.Unauthorized) {
		return err
	}
	return withReason(err, ReasonInstanceKey, in.ID)
}

// withReason gives an error of a call a reason, where it has none.
func withReason(err error, reason failure.Reason, subject string) error {
	var f *failure.Error
	if errors.As(err, &f) && f.Reason == "" {
		f.Reason, f.Subject = reason, subject
	}
	return err
}
