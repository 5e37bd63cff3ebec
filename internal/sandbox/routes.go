package sandbox

import (
	"net/http"
	"strings"
)

// DefaultMultiplePath is where many users are registered at once (assumed: many).
const DefaultMultiplePath = "/v1/Registration/CreateMultiple"

// route is one call of the service. A segment in braces stands for any one segment, its text a parameter.
type route struct {
	method string
	path   string
	exact  bool // the accounts host keeps to the case of its paths (live), the portal host too (assumed: paths); the user host does not (client)
	camel  bool // its envelope is the portal host's, in camelCase (live)
	handle func(*call) answer

	segments []string
}

// routes are all the calls; where two fit, the earlier is meant.
func routes(o Options) []route {
	all := []route{
		{method: http.MethodPost, path: "/v1/Registration/create", handle: (*call).register},
		{method: http.MethodPost, path: "/v1/Auth/Login", handle: (*call).signIn},
		{method: http.MethodPost, path: "/v1/Auth/RefreshToken", handle: (*call).refresh},
		{method: http.MethodGet, path: "/v1/Management/users/find", handle: (*call).find},
		{method: http.MethodPost, path: "/v1/Management/users/GetFilteredPage", handle: (*call).list},
		{method: http.MethodGet, path: "/v1/Management/users", handle: (*call).ownProfile},
		{method: http.MethodPut, path: "/v1/Management/users", handle: (*call).update},
		{method: http.MethodDelete, path: "/v1/Management/users/{DeviceToken}", handle: (*call).remove},
		{method: http.MethodPost, path: "/v1/Management/users/instances/change", handle: (*call).move},
		{method: http.MethodPost, path: "/v1/Management/users/instances/change/{InviteCode}", handle: (*call).join},
		{method: http.MethodGet, path: "/auth/permissions", exact: true, camel: true, handle: (*call).permissions},
		{method: http.MethodGet, path: "/v1/Instances/{InstanceId}", exact: true, handle: (*call).showInstance},
		{method: http.MethodGet, path: "/v1/Applications/{AppId}", exact: true, handle: (*call).showApplication},
		{method: http.MethodGet, path: "/v1/companies/{CompanyId}/applications", exact: true, handle: (*call).listApplications},
		{method: http.MethodGet, path: "/v1/applications/{AppId}/instances", exact: true, handle: (*call).listInstances},
	}
	if !o.NoMultiple {
		all = append(all, route{method: http.MethodPost, path: o.MultiplePath, handle: (*call).registerMany})
	}
	for i := range all {
		all[i].segments = strings.Split(strings.Trim(all[i].path, "/"), "/")
	}
	return all
}

// match finds the route of a request, with or without slashes at its ends (assumed: paths); where only the method is wrong, allowed lists those that are right.
func match(all []route, method, path string) (found *route, params map[string]string, allowed []string) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	for i := range all {
		p, ok := all[i].fits(segments)
		switch {
		case !ok:
		case all[i].method == method:
			return &all[i], p, nil
		default:
			allowed = append(allowed, all[i].method)
		}
	}
	return nil, nil, allowed
}

func (r *route) fits(segments []string) (params map[string]string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, want := range r.segments {
		switch {
		case strings.HasPrefix(want, "{"):
			if segments[i] == "" {
				return nil, false
			}
			if params == nil {
				params = map[string]string{}
			}
			params[strings.Trim(want, "{}")] = segments[i]
		case r.exact && want != segments[i], !strings.EqualFold(want, segments[i]):
			return nil, false
		}
	}
	return params, true
}
