package server

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one call of the service. A segment in braces stands for any one segment, its
// text a parameter.
type route struct {
	method string
	path   string
	exact  bool // the accounts host keeps to the case of its paths (live), the other hosts too (assumed: paths)
	camel  bool // its envelope is the portal host's, in camelCase (live)
	handle func(*call) answer

	segments []string
}

// routes returns all the calls; where two fit, the earlier is meant.
func routes(o Options) []route {
	const users, accounts = "/v1/Management/users", "/v1/applications/{AppId}/instances"
	all := []route{
		{method: "POST", path: "/v1/Registration/create", handle: (*call).register},
		{method: "POST", path: "/v1/Auth/Login", handle: (*call).signIn},
		{method: "POST", path: "/v1/Auth/RefreshToken", handle: (*call).refresh},
		{method: "GET", path: users + "/find", handle: (*call).find},
		{method: "POST", path: users + "/GetFilteredPage", handle: (*call).list},
		{method: "GET", path: users, handle: (*call).ownProfile},
		{method: "PUT", path: users, handle: (*call).updateUser},
		{method: "DELETE", path: users + "/{DeviceToken}", handle: (*call).deleteUser},
		{method: "POST", path: users + "/instances/change", handle: (*call).move},
		{method: "POST", path: users + "/instances/change/{InviteCode}", handle: (*call).join},
		{method: "GET", path: "/auth/permissions", exact: true, camel: true, handle: (*call).permissions},
		{method: "GET", path: "/v1/Instances/{InstanceId}", exact: true, handle: (*call).showInstance},
		{method: "PATCH", path: "/v1/Instances/{InstanceId}", exact: true, handle: (*call).changeInstance},
		{method: "DELETE", path: "/v1/Instances/{InstanceId}", exact: true, handle: (*call).deleteInstance},
		{method: "GET", path: "/v1/Applications/{AppId}", exact: true, handle: (*call).showApplication},
		{method: "PATCH", path: "/v1/Applications/applications/{AppId}", exact: true, handle: (*call).changeApplication},
		{method: "DELETE", path: "/v1/Applications/applications/{AppId}", exact: true, handle: (*call).deleteApplication},
		{method: "GET", path: "/v1/companies/{CompanyId}/applications", exact: true, handle: (*call).listApplications},
		{method: "POST", path: "/v1/companies/{CompanyId}/applications", exact: true, handle: (*call).createApplication},
		{method: "GET", path: accounts, exact: true, handle: (*call).listInstances},
		{method: "POST", path: accounts, exact: true, handle: (*call).createInstance},
		{method: "GET", path: accounts + "/{InviteCode}", exact: true, handle: (*call).showInstanceByCode},
		{method: "GET", path: "/indicators/admin/v3/Statistics", exact: true, handle: (*call).statistics},
		{method: "GET", path: "/indicators/admin/v3/Statistics/Dates", exact: true, handle: (*call).statisticsDates},
		{method: "GET", path: heartbeats + "/{DeviceToken}/latest", exact: true, handle: (*call).deviceStatus},
		{method: "POST", path: heartbeats + "/latest", exact: true, handle: (*call).deviceStatuses},
	}
	if !o.NoMultiple {
		all = append(all, route{method: http.MethodPost, path: MultiplePath, handle: (*call).registerMany})
	}
	for i := range all {
		all[i].segments = strings.Split(strings.Trim(all[i].path, "/"), "/")
	}
	return all
}

// match finds the route of a request, with or without a slash at the end of its path
// (live), unless it is strict. A doubled slash matches nothing (live). The case of a method
// does not count, as in ASP.NET Core's routing. Where only the method is wrong, allowed lists
// those that are right.
func match(all []route, r *http.Request, strict bool) (found *route, params map[string]string, allowed []string) {
	segments, ok := segmentsOf(r.URL)
	if !ok || strict && (strings.HasSuffix(r.URL.Path, "/") || strings.ToUpper(r.Method) != r.Method) {
		return nil, nil, nil
	}
	for i := range all {
		p, ok := all[i].fits(segments)
		switch {
		case !ok:
		case strings.EqualFold(all[i].method, r.Method):
			return &all[i], p, nil
		default:
			allowed = append(allowed, all[i].method)
		}
	}
	return nil, nil, allowed
}

// segmentsOf returns the segments of a path, without its dots, as Kestrel hands them on: a slash
// that is encoded separates nothing. ok is false for a path that no route has.
func segmentsOf(u *url.URL) (segments []string, ok bool) {
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return nil, false
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		segment, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return nil, false
		case segment == "..":
			segments = segments[:max(0, len(segments)-1)]
		case segment != ".":
			segments = append(segments, segment)
		}
	}
	return segments, true
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
