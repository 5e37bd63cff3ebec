package userservice

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// OwnProfile returns the user whose JWT it is (GET /v1/Management/users; client). The caller must
// be a user; an answer about another one is refused.
func (c *Client) OwnProfile(ctx context.Context, as Caller) (User, error) {
	var user User
	err := c.doAs(ctx, as, call{
		name: "read the own profile", method: http.MethodGet, path: "/v1/Management/users", retry: always,
		about:  canonical(as.Subject),
		decode: func(result []byte) error { return json.Unmarshal(result, &user) },
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// target returns the header that says which user a change is about.
func (as Caller) target(deviceToken string) []header {
	if as.Self == nil {
		return []header{{"Userdevicetoken", deviceToken}}
	}
	return []header{{"Devicetoken", deviceToken}}
}

// Update changes the fields of one user that are in change, and no other; a nil value is sent as
// null and clears the field (PUT /v1/Management/users; as the admin live, as the user itself
// client; that null clears is assumed). Doing it twice is doing it once, so it is retried.
func (c *Client) Update(ctx context.Context, as Caller, deviceToken string, change field.Set) error {
	body, err := change.Body(field.Update)
	if err != nil {
		return failure.Wrap(failure.Invalid, "update a user", err)
	}
	return noSuchUser(c.doAs(ctx, as, call{
		name: "update a user", method: http.MethodPut, path: "/v1/Management/users", header: as.target(deviceToken),
		body:        body,
		contentType: jsonPatchType, retry: always, changes: true, about: canonical(deviceToken),
	}), deviceToken)
}

// Delete removes a user for good, with all telematics data (DELETE
// /v1/Management/users/{DeviceToken}; live), as the admin. Doing it twice is doing it once, so it
// is retried; the error of a user whom the service does not know is failure.NotFound. Where
// MayHaveApplied is set too, an earlier attempt may have deleted that user.
func (c *Client) Delete(ctx context.Context, as Caller, deviceToken string) error {
	return noSuchUser(c.doAs(ctx, as, call{
		name: "delete a user", method: http.MethodDelete, path: "/v1/Management/users/" + url.PathEscape(deviceToken),
		retry: always, changes: true, about: canonical(deviceToken),
	}), deviceToken)
}

// Move moves a user into another instance (POST /v1/Management/users/instances/change; live), as
// the admin. What the service says of a user who is there already is not known: so it is retried
// only while no attempt has arrived.
func (c *Client) Move(ctx context.Context, as Caller, deviceToken string, to Instance) error {
	body, err := json.Marshal(map[string]string{"DeviceToken": deviceToken, "ToInstanceId": to.ID,
		"ToInstanceKey": to.Key.Reveal()})
	if err != nil {
		return err
	}
	return noSuchUser(c.doAs(ctx, as, call{
		name: "move a user", method: http.MethodPost, path: "/v1/Management/users/instances/change", body: body,
		contentType: jsonPatchType, retry: ifNotArrived, changes: true, about: canonical(deviceToken),
		secrets: []secret.String{to.Key},
	}), deviceToken)
}

// JoinByCode takes the user who calls into another instance by its invite code
// (POST /v1/Management/users/instances/change/{InviteCode}; client).
func (c *Client) JoinByCode(ctx context.Context, as Caller, inviteCode string) error {
	return c.doAs(ctx, as, call{
		name: "join an instance", method: http.MethodPost,
		path:  "/v1/Management/users/instances/change/" + url.PathEscape(inviteCode),
		retry: ifNotArrived, changes: true, jwtOnly: true, about: canonical(as.Subject),
	})
}

// noSuchUser says of a 404 in the envelope which user there is not.
func noSuchUser(err error, deviceToken string) error {
	if !failure.Is(err, failure.NotFound) {
		return err
	}
	return withReason(err, ReasonNoSuchUser, deviceToken)
}
