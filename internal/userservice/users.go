package userservice

import (
	"context"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
)

// target returns the headers that say which user a call is about.
func (as Caller) target(deviceToken string) map[string]string {
	if as.Self == nil {
		return map[string]string{"UserDeviceToken": deviceToken}
	}
	return map[string]string{"DeviceToken": deviceToken}
}

// Update changes the fields of one user that are said, and no other (PUT /v1/Management/users; as the admin live, as the user itself
// client). Doing it twice is doing it once, so it is repeated.
func (c *Client) Update(ctx context.Context, as Caller, deviceToken string, change field.Set) error {
	body, err := change.Body(field.Update)
	if err != nil {
		return failure.Wrap(failure.Invalid, "update a user", err)
	}
	err = c.doAs(ctx, as, call{
		name: "update a user", method: http.MethodPut, path: "/v1/Management/users", header: as.target(deviceToken), body: body, kind: jsonPatchKind,
		repeat: always, changes: true,
	})
	if failure.Is(err, failure.NotFound) {
		return hinted(err, "there is no user "+deviceToken+" here: check the DeviceToken and the instance")
	}
	return err
}
