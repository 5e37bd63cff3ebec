package userservice

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// User is what Find tells of a user.
type User struct {
	DeviceToken string
	DateCreated time.Time // in UTC; zero where the service did not say
	Status      string    // Active or Inactive
	ClientID    string
	InstanceID  string
}

// foundUser is a user as it is read (live): DateCreated has no zone, UserFields is a list of one.
type foundUser struct {
	DeviceToken string
	DateCreated string
	Status      string
	AccountInfo struct {
		InstanceID string `json:"InstanceId"`
	}
	UserFields []struct {
		ClientID string `json:"ClientId"`
	}
}

func (f foundUser) user() User {
	u := User{DeviceToken: f.DeviceToken, Status: f.Status, InstanceID: f.AccountInfo.InstanceID}
	for _, shape := range []string{"2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(shape, f.DateCreated); err == nil {
			u.DateCreated = t.UTC()
			break
		}
	}
	if len(f.UserFields) > 0 {
		u.ClientID = f.UserFields[0].ClientID
	}
	return u
}

// FindByToken lists the users who have a DeviceToken, as the admin: one or none (GET /v1/Management/users/find; live).
func (c *Client) FindByToken(ctx context.Context, as Caller, deviceToken string) ([]User, error) {
	var found []foundUser
	err := c.doAs(ctx, as, call{
		name: "find a user", method: http.MethodGet, path: "/v1/Management/users/find?" + url.Values{"DeviceToken": {deviceToken}}.Encode(),
		repeat: always,
		decode: func(result []byte) error { return json.Unmarshal(result, &found) },
	})
	if err != nil {
		return nil, err
	}
	users := make([]User, len(found))
	for i, f := range found {
		users[i] = f.user()
	}
	return users, nil
}

// Delete removes a user for good, with all the user's telematics data (DELETE /v1/Management/users/{DeviceToken}; live), as the admin. Doing
// it twice is doing it once, so it is repeated, and a user who is already gone (404) is no error.
func (c *Client) Delete(ctx context.Context, as Caller, deviceToken string) error {
	err := c.doAs(ctx, as, call{
		name: "delete a user", method: http.MethodDelete, path: "/v1/Management/users/" + url.PathEscape(deviceToken),
		repeat: always, changes: true,
	})
	if failure.Is(err, failure.NotFound) {
		return nil
	}
	return err
}

// Once is the client, save that it sends each call once: for whoever repeats by a rule of their own.
func (c *Client) Once() *Client {
	once := *c
	once.retry.Tries = 1
	return &once
}
