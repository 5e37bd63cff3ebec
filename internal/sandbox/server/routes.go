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
	as     role // who may call it
	handle func(*call) (result any, err error)

	exact    bool // the accounts host keeps to the case of its paths (live), the other hosts too (assumed: paths)
	camel    bool // its envelope is the portal host's, in camelCase (live)
	reads    bool // it changes nothing
	segments []string
}

// role is who may make a call; others get 401 or 403.
type role int

const (
	anybody    role = iota
	anInstance      // by the headers InstanceId and InstanceKey
	anAdmin         // by the JWT
	aUser           // by the JWT
	adminOrUser
)

// Where the calls are that have more than one path.
const (
	users        = "/v1/Management/users"
	applications = "/v1/Applications/applications/{AppId}"
	instances    = "/v1/applications/{AppId}/instances"
	statistics   = "/indicators/admin/v3/Statistics"
	heartbeats   = "/api/heartbeats/get/v1/raw/users" // the device status (old)
)

// routes returns all the calls; where two fit, the earlier is meant.
func routes(o Options) []route {
	all := []route{
		{method: "POST", path: "/v1/Registration/create", as: anInstance, handle: (*call).register},
		{method: "POST", path: MultiplePath, as: anInstance, handle: (*call).registerMany},
		{method: "POST", path: "/v1/Auth/Login", as: anybody, handle: (*call).signIn},
		{method: "POST", path: "/v1/Auth/RefreshToken", as: anybody, handle: (*call).refresh},
		{method: "GET", path: users + "/find", as: anAdmin, handle: (*call).find},
		{method: "POST", path: users + "/GetFilteredPage", as: anAdmin, handle: (*call).list, reads: true},
		{method: "GET", path: users, as: aUser, handle: (*call).ownProfile},
		{method: "PUT", path: users, as: adminOrUser, handle: (*call).updateUser},
		{method: "DELETE", path: users + "/{DeviceToken}", as: anAdmin, handle: (*call).deleteUser},
		{method: "POST", path: users + "/instances/change", as: anAdmin, handle: (*call).move},
		{method: "POST", path: users + "/instances/change/{InviteCode}", as: aUser, handle: (*call).join},
		{method: "GET", path: "/auth/permissions", as: anAdmin, handle: (*call).permissions, camel: true},
		{method: "GET", path: "/v1/Instances/{InstanceId}", as: anAdmin, handle: (*call).showInstance},
		{method: "PATCH", path: "/v1/Instances/{InstanceId}", as: anAdmin, handle: (*call).changeInstance},
		{method: "DELETE", path: "/v1/Instances/{InstanceId}", as: anAdmin, handle: (*call).deleteInstance},
		{method: "GET", path: "/v1/Applications/{AppId}", as: anAdmin, handle: (*call).showApplication},
		{method: "PATCH", path: applications, as: anAdmin, handle: (*call).changeApplication},
		{method: "DELETE", path: applications, as: anAdmin, handle: (*call).deleteApplication},
		{method: "GET", path: "/v1/companies/{CompanyId}/applications", as: anAdmin, handle: (*call).listApplications},
		{method: "POST", path: "/v1/companies/{CompanyId}/applications", as: anAdmin, handle: (*call).createApplication},
		{method: "GET", path: instances, as: anAdmin, handle: (*call).listInstances},
		{method: "POST", path: instances, as: anAdmin, handle: (*call).createInstance},
		{method: "GET", path: instances + "/{InviteCode}", as: anAdmin, handle: (*call).showInstanceByCode},
		{method: "GET", path: statistics, as: anAdmin, handle: (*call).statistics},
		{method: "GET", path: statistics + "/Dates", as: anAdmin, handle: (*call).statisticsDates},
		{method: "GET", path: heartbeats + "/{DeviceToken}/latest", as: anAdmin, handle: (*call).deviceStatus},
		{method: "POST", path: heartbeats + "/latest", as: anAdmin, handle: (*call).deviceStatuses, reads: true},
	}
	var out []route
	for _, r := range all {
		if r.path == MultiplePath && o.NoMultiple {
			continue
		}
		r.segments = strings.Split(r.path[1:], "/")
		userHost := map[string]bool{"Registration": true, "Auth": true, "Management": true}
		r.exact = !userHost[r.segments[1]]
		r.reads = r.reads || r.method == http.MethodGet
		out = append(out, r)
	}
	return out
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
	params = map[string]string{}
	for i, want := range r.segments {
		switch {
		case strings.HasPrefix(want, "{"):
			if segments[i] == "" {
				return nil, false
			}
			params[strings.Trim(want, "{}")] = segments[i]
		case r.exact && want != segments[i], !strings.EqualFold(want, segments[i]):
			return nil, false
		}
	}
	return params, true
}
