package userservice

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// SignInAdmin signs in by email and password (POST /v1/Auth/Login; live). At most five sign-ins a
// minute from one address; one more blocks it for an hour, answered 429 (live): so it is never
// retried, and the caller counts.
func (c *Client) SignInAdmin(ctx context.Context, email string, password secret.String) (Pair, error) {
	// LoginFields is a string that holds JSON (live).
	return c.signIn(ctx, map[string]string{"email": email}, password, nil, "sign in as admin")
}

// SignInUser signs in as a user of the instance, by the InstanceKey (live). The limit of
// SignInAdmin holds here too.
func (c *Client) SignInUser(ctx context.Context, in Instance, deviceToken string) (Pair, error) {
	// The inner key is exactly Devicetoken; any other spelling gets a bare 401 (live).
	return c.signIn(ctx, map[string]string{"Devicetoken": deviceToken}, in.Key, []header{{"Instanceid", in.ID}},
		"sign in as a user")
}

func (c *Client) signIn(ctx context.Context, who map[string]string, password secret.String, headers []header,
	name string) (Pair, error) {
	fields, err := json.Marshal(who)
	if err != nil {
		return Pair{}, failure.Wrap(failure.Invalid, name, err)
	}
	body, err := json.Marshal(map[string]string{"LoginFields": string(fields), "Password": password.Reveal()})
	if err != nil {
		return Pair{}, failure.Wrap(failure.Invalid, name, err)
	}
	return c.pair(ctx, call{
		name: name, method: http.MethodPost, path: "/v1/Auth/Login", header: headers, body: body, contentType: jsonType,
		changes: true, about: who["Devicetoken"], secrets: []secret.String{password},
	})
}

// Refresh exchanges a pair for a new one (POST /v1/Auth/RefreshToken; seed, live). The
// AccessToken may have expired. It is retried only while it is certain that no attempt has
// reached the service: an error with MayHaveApplied set means that the pair may be spent. Where
// old has a DeviceToken, an answer with another one is refused.
func (c *Client) Refresh(ctx context.Context, old Pair) (Pair, error) {
	body, err := json.Marshal(map[string]string{"AccessToken": old.Access.Reveal(), "RefreshToken": old.Refresh.Reveal()})
	if err != nil {
		return Pair{}, failure.Wrap(failure.Invalid, "refresh the tokens", err)
	}
	return c.pair(ctx, call{
		name: "refresh the tokens", method: http.MethodPost, path: "/v1/Auth/RefreshToken", body: body, contentType: jsonType,
		retry: ifNotArrived, changes: true, about: canonical(old.DeviceToken),
		secrets: []secret.String{old.Access, old.Refresh},
	})
}

// pair sends a call that returns a pair. An answer without a whole pair is an error.
func (c *Client) pair(ctx context.Context, cl call) (Pair, error) {
	var p *Pair
	cl.decode = func(result []byte) error {
		var r registered
		err := json.Unmarshal(result, &r)
		if err == nil {
			p, err = r.pair()
		}
		return err
	}
	if err := c.do(ctx, cl); err != nil {
		return Pair{}, err
	}
	if p == nil || p.Refresh.IsZero() {
		return Pair{}, &failure.Error{
			Code: failure.Failed, Message: cl.name + ": the answer has no AccessToken or no RefreshToken", MayHaveApplied: true,
		}
	}
	return *p, nil
}

// VerifyToken makes the cheapest call that needs a good JWT: as the admin a list of one user
// (live), as a user the own profile (client). It is a read. A 403 means that the service knows
// the JWT but does not let its bearer do that.
func (c *Client) VerifyToken(ctx context.Context, as Caller) error {
	if as.Self == nil {
		_, err := c.ListPage(ctx, as, ListQuery{PageSize: 1})
		return err
	}
	_, err := c.OwnProfile(ctx, as)
	return err
}
