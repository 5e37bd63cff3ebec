package userservice

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Permission is something that a JWT may act on; members that do not apply at its level are empty.
type Permission struct{ CompanyID, AppID, InstanceID string } // UUIDs in canonical form

// Permissions are what a JWT may act on, at each level.
type Permissions struct{ Companies, Applications, Instances []Permission }

type readPermission struct {
	CompanyId, AppId, InstanceId text
}

// Permissions lists what the caller's JWT may act on (GET /auth/permissions on the portal host;
// live).
func (c *Client) Permissions(ctx context.Context, as Caller) (Permissions, error) {
	var r struct{ CompaniesPermissions, AppsPermissions, InstancesPermissions []readPermission }
	err := c.doAs(ctx, as, call{
		name: "list permissions", method: http.MethodGet, host: HostPortal, path: "/auth/permissions", retry: always,
		decode: func(result []byte) error { return json.Unmarshal(result, &r) },
	})
	if err != nil {
		return Permissions{}, err
	}
	return Permissions{permissions(r.CompaniesPermissions), permissions(r.AppsPermissions),
		permissions(r.InstancesPermissions)}, nil
}

func permissions(read []readPermission) []Permission {
	list := make([]Permission, len(read))
	for i, r := range read {
		list[i] = Permission{canonical(string(r.CompanyId)), canonical(string(r.AppId)), canonical(string(r.InstanceId))}
	}
	return list
}

// InstanceInfo is an instance as the accounts host shows it.
type InstanceInfo struct {
	ID          string        // InstanceId, in canonical form
	Key         secret.String // InstanceKey; zero where it was not shown
	Name        string
	Description string
	Status      string // Active or Deactivated
	InviteCode  string
	AppID       string // in canonical form
	AppName     string
	CompanyID   string // in canonical form
}

type readInstance struct {
	Id          text
	Key         secret.String
	Name        text
	Description text
	Status      text
	InviteCode  text
	AppId       text
	AppName     text
	CompanyId   text
}

// UnmarshalJSON reads an instance as the service writes it.
func (i *InstanceInfo) UnmarshalJSON(data []byte) error {
	var r readInstance
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	*i = InstanceInfo{
		canonical(string(r.Id)), r.Key, string(r.Name), string(r.Description), statusName(string(r.Status)),
		string(r.InviteCode),
		canonical(string(r.AppId)), string(r.AppName), canonical(string(r.CompanyId)),
	}
	return nil
}

// statusName returns the status of an instance or application as it is read; 1 and 2 are how it
// is written (live).
func statusName(s string) string {
	switch s {
	case "1":
		return "Active"
	case "2":
		return "Deactivated"
	}
	return s
}

// Application is an application as the accounts host shows it.
type Application struct {
	ID        string // in canonical form
	Name      string
	Status    string
	Instances []InstanceInfo // only where they were asked for
}

// UnmarshalJSON reads an application as the service writes it.
func (a *Application) UnmarshalJSON(data []byte) error {
	var r struct {
		Id           text
		Name, Status text
		Instances    []InstanceInfo
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	*a = Application{canonical(string(r.Id)), string(r.Name), statusName(string(r.Status)), r.Instances}
	return nil
}

// Instance returns one instance with its key (live). The accounts host answers with a null Result
// for one that does not exist: failure.NotFound.
func (c *Client) Instance(ctx context.Context, as Caller, id string) (InstanceInfo, error) {
	return read[InstanceInfo](ctx, c, as, "read an instance", "/v1/Instances/"+url.PathEscape(id), "no instance "+id)
}

// Application returns one application with its instances (live).
func (c *Client) Application(ctx context.Context, as Caller, id string) (Application, error) {
	return read[Application](ctx, c, as, "read an application",
		"/v1/Applications/"+url.PathEscape(id)+"?includeInstances=true", "no application "+id)
}

// Applications lists the applications of a company, without their instances (live).
func (c *Client) Applications(ctx context.Context, as Caller, companyID string) ([]Application, error) {
	return read[[]Application](ctx, c, as, "list applications",
		"/v1/companies/"+url.PathEscape(companyID)+"/applications", "no company "+companyID)
}

// Instances lists the instances of an application, in full, deactivated ones included (live).
func (c *Client) Instances(ctx context.Context, as Caller, appID string) ([]InstanceInfo, error) {
	return read[[]InstanceInfo](ctx, c, as, "list instances",
		"/v1/applications/"+url.PathEscape(appID)+"/instances?includeDeactivated=true", "no application "+appID)
}

// read makes a read on the accounts host, whose paths keep their case (live).
func read[T any](ctx context.Context, c *Client, as Caller, name, path, missing string) (T, error) {
	var value T
	err := c.doAs(ctx, as, call{
		name: name, method: http.MethodGet, host: HostAccounts, path: path, retry: always,
		noResult: failure.New(failure.NotFound, name+": "+missing),
		decode:   func(result []byte) error { return json.Unmarshal(result, &value) },
	})
	return value, err
}

// NewInstance is an instance to create.
type NewInstance struct{ Name, Description string }

// CreateInstance creates an instance in an application (POST /v1/applications/{AppId}/instances;
// live; its body is assumed to be like that of an application). It is sent once: an error with
// MayHaveApplied set means that the instance may exist. The answer has at least ID and Key. An
// application that is not there is failure.NotFound.
func (c *Client) CreateInstance(ctx context.Context, as Caller, appID string, in NewInstance) (InstanceInfo, error) {
	body, err := json.Marshal(struct {
		Name        string `json:"name"`
		Description string `json:"description"`
		Status      int    `json:"status"` // 1: active
	}{in.Name, in.Description, 1})
	if err != nil {
		return InstanceInfo{}, err
	}
	var created InstanceInfo
	err = c.doAs(ctx, as, call{
		name: "create an instance", method: http.MethodPost, host: HostAccounts,
		path: "/v1/applications/" + url.PathEscape(appID) + "/instances",
		body: body, contentType: jsonType, changes: true,
		noResult: failure.New(failure.NotFound, "create an instance: no application "+appID).
			Because(ReasonNoApplication, appID),
		decode: func(result []byte) error { return json.Unmarshal(result, &created) },
	})
	return created, err
}

// InstanceChange is what UpdateInstance changes; nil members stay.
type InstanceChange struct {
	Name, Description *string
	Active            *bool
}

// UpdateInstance changes an instance (PATCH /v1/Instances/{InstanceId}, the change in the query;
// live). It is retried.
func (c *Client) UpdateInstance(ctx context.Context, as Caller, id string, change InstanceChange) error {
	q := url.Values{}
	if change.Name != nil {
		q.Set("Name", *change.Name)
	}
	if change.Description != nil {
		q.Set("Description", *change.Description)
	}
	if change.Active != nil {
		status := 2
		if *change.Active {
			status = 1
		}
		q.Set("Status", strconv.Itoa(status))
	}
	return c.doAs(ctx, as, call{
		name: "update an instance", method: http.MethodPatch, host: HostAccounts,
		path:  "/v1/Instances/" + url.PathEscape(id) + "?" + q.Encode(),
		retry: always, changes: true,
	})
}

// DeleteInstance deletes an instance (DELETE /v1/Instances/{InstanceId}; live). One with users is
// refused with 422. One that is gone is answered 403, 404, or with a null Result (live), which is
// like success. It is retried.
func (c *Client) DeleteInstance(ctx context.Context, as Caller, id string) error {
	return c.doAs(ctx, as, call{
		name: "delete an instance", method: http.MethodDelete, host: HostAccounts,
		path:  "/v1/Instances/" + url.PathEscape(id),
		retry: always, changes: true,
	})
}
