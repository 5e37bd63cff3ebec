package userservice

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// SignInAdmin signs in by e-mail and password (POST /v1/Auth/Login; live). At most five sign-ins a minute from one address; one more
// blocks it for an hour, answered 429 (live): so it is never repeated, and the caller counts.
func (c *Client) SignInAdmin(ctx context.Context, email string, password secret.String) (Pair, error) {
	// LoginFields is a string that holds JSON (live).
	return c.signIn(ctx, map[string]string{"email": email}, password, nil, "sign in as admin")
}

// SignInUser signs in as a user of the instance, by the InstanceKey (live). What SignInAdmin says of the limit holds here too.
func (c *Client) SignInUser(ctx context.Context, in Instance, deviceToken string) (Pair, error) {
	// The inner key is exactly Devicetoken; any other spelling gets a bare 401 (live).
	return c.signIn(ctx, map[string]string{"Devicetoken": deviceToken}, in.Key, map[string]string{"InstanceId": in.ID}, "sign in as a user")
}

func (c *Client) signIn(ctx context.Context, who map[string]string, password secret.String, header map[string]string, name string) (Pair, error) {
	fields, err := json.Marshal(who)
	if err != nil {
		return Pair{}, failure.Wrap(failure.Invalid, name, err)
	}
	body, err := json.Marshal(map[string]string{"LoginFields": string(fields), "Password": password.Reveal()})
	if err != nil {
		return Pair{}, failure.Wrap(failure.Invalid, name, err)
	}
	return c.pair(ctx, call{
		name: name, method: http.MethodPost, path: "/v1/Auth/Login", header: header, body: body, kind: jsonKind,
		changes: true, secrets: []secret.String{password},
	})
}

// Refresh spends a pair for a new one (POST /v1/Auth/RefreshToken; seed, live). The AccessToken may have expired. It is repeated only while it
// is certain that no try has reached the service: an error with Unclear set means that the pair may be spent.
func (c *Client) Refresh(ctx context.Context, old Pair) (Pair, error) {
	body, err := json.Marshal(map[string]string{"AccessToken": old.Access.Reveal(), "RefreshToken": old.Refresh.Reveal()})
	if err != nil {
		return Pair{}, failure.Wrap(failure.Invalid, "refresh the tokens", err)
	}
	return c.pair(ctx, call{
		name: "refresh the tokens", method: http.MethodPost, path: "/v1/Auth/RefreshToken", body: body, kind: jsonKind,
		repeat: ifNotArrived, changes: true, secrets: []secret.String{old.Access, old.Refresh},
	})
}

// pair sends a call that returns a pair, and holds the answer to being a whole one.
func (c *Client) pair(ctx context.Context, cl call) (Pair, error) {
	var r registered
	cl.decode = func(result []byte) error { return json.Unmarshal(result, &r) }
	if err := c.do(ctx, cl); err != nil {
		return Pair{}, err
	}
	p := r.pair()
	if p == nil || p.Refresh.IsZero() {
		return Pair{}, &failure.Error{Code: failure.Failed, Message: cl.name + ": the answer has no AccessToken or no RefreshToken", MayHaveApplied: true}
	}
	return *p, nil
}

// VerifyToken makes the cheapest call that needs a good JWT: as the admin a list of one user (live), as a user the own
// profile (client). It is a read. A 403 means that the service knows the JWT but does not let its bearer do that.
func (c *Client) VerifyToken(ctx context.Context, as Caller) error {
	if as.Self == nil {
		return c.doAs(ctx, as, call{
			name: "verify the sign-in by a list of one user", method: http.MethodPost,
			path: "/v1/Management/users/GetFilteredPage", kind: jsonPatchKind,
			// These five are required (live).
			body:   []byte(`{"PageNumber":1,"PageSize":1,"IncludeAccountInfo":false,"Sort":"DateCreatedDesc","ShowInactiveUsers":true}`),
			repeat: always,
		})
	}
	return c.doAs(ctx, as, call{
		name: "verify the sign-in by the own profile", method: http.MethodGet, path: "/v1/Management/users", repeat: always,
	})
}
