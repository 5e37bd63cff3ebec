package userservice

import (
	"context"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Actor is who makes a change: the admin, by an admin's JWT alone; or the user itself, by its own JWT and its instance.
type Actor struct {
	JWT  secret.String
	Self *Instance // the user's instance; nil for the admin
}

func (a Actor) header(deviceToken string) map[string]string {
	h := map[string]string{"Authorization": "Bearer " + a.JWT.Reveal()}
	if a.Self == nil {
		h["UserDeviceToken"] = deviceToken
		return h
	}
	h["DeviceToken"] = deviceToken
	for name, value := range a.Self.header() {
		h[name] = value
	}
	return h
}

func (a Actor) secrets() []secret.String {
	if a.Self == nil {
		return []secret.String{a.JWT}
	}
	return []secret.String{a.JWT, a.Self.Key}
}

// Update changes the fields of one user that are said, and no other (PUT /v1/Management/users; as the admin live, as the user itself
// client). Doing it twice is doing it once, so it is repeated.
func (c *Client) Update(ctx context.Context, as Actor, deviceToken string, change field.Set) error {
	body, err := change.Body(field.Update)
	if err != nil {
		return failure.Wrap(failure.Invalid, "update a user", err)
	}
	err = c.do(ctx, call{
		name: "update a user", method: http.MethodPut, path: "/v1/Management/users", header: as.header(deviceToken), body: body, kind: jsonPatchKind,
		repeat: always, changes: true, secrets: as.secrets(),
	})
	if failure.Is(err, failure.NotFound) {
		return hinted(err, "there is no user "+deviceToken+" here: check the DeviceToken and the instance")
	}
	return err
}
