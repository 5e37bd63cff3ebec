package operation_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

const (
	here      = "11111111-2222-4333-8444-555555555555"
	there     = "22222222-2222-4333-8444-555555555555"
	ada       = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	bo        = "c9f0f895-fb98-4b91-8c5e-1d2e3f4a5b6c"
	firstSent = "2026-11-28T12:00:00Z"
)

var instance = userservice.Instance{ID: here, Key: secret.New("99999999-2222-4333-8444-555555555555")}

// service is a user service that answers as a test tells it to.
type service struct {
	t      *testing.T
	mu     sync.Mutex
	users  map[string]*user // by DeviceToken
	sent   []string         // "POST /v1/Registration/create", without reads
	bodies []map[string]any
	reads  int
	// answer, if not nil, answers in place of the service where it reports true. done carries the
	// request out.
	answer  func(w http.ResponseWriter, r *http.Request, done func()) bool
	ignore  bool   // choose another DeviceToken than the CustomToken
	created string // DateCreated of who is registered
	many    int    // users that register many returns beyond what was asked for
}

type user struct {
	instance, created string
	fields            map[string]any // by the names of the table
}

func newService(t *testing.T) (*service, *userservice.Client) {
	s := &service{t: t, users: map[string]*user{}, created: "2026-11-28T12:00:01"}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	api, err := userservice.New(userservice.Options{UserURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return s, api.Once().WithAuthorizer(userservice.StaticToken{JWT: secret.New("jwt")})
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	if strings.HasSuffix(r.URL.Path, "/GetFilteredPage") {
		s.list(w)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/find") {
		s.reads++
		s.find(w, r)
		return
	}
	s.sent = append(s.sent, r.Method+" "+r.URL.Path)
	s.bodies = append(s.bodies, body)
	if s.answer != nil && s.answer(w, r, func() { s.serve(httptest.NewRecorder(), r, body) }) {
		return
	}
	s.serve(w, r, body)
}

// settle waits for handlers whose answer was lost: they may still run, and note what they were
// sent.
func (s *service) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

func (s *service) serve(w http.ResponseWriter, r *http.Request, body map[string]any) {
	switch path := strings.ToLower(r.URL.Path); {
	case path == "/v1/registration/create":
		s.register(w, body)
	case path == "/v1/registration/createmultiple":
		var list []any
		for range int(body["Quantity"].(float64)) + s.many {
			list = append(list, map[string]any{"DeviceToken": s.add(uuid.NewString(), nil)})
		}
		envelope(w, 200, list)
	case path == "/v1/management/users" && r.Method == http.MethodPut:
		u := s.users[r.Header.Get("UserDeviceToken")+r.Header.Get("DeviceToken")]
		if u == nil {
			envelope(w, 404, nil)
			return
		}
		for name, value := range flat(body) {
			u.fields[name] = value
		}
		envelope(w, 200, nil)
	case strings.HasSuffix(path, "/instances/change"):
		u := s.users[body["DeviceToken"].(string)]
		if u == nil || u.instance == body["ToInstanceId"] {
			envelope(w, 422, nil)
			return
		}
		u.instance = body["ToInstanceId"].(string)
		envelope(w, 200, nil)
	case r.Method == http.MethodDelete:
		token := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if s.users[token] == nil {
			envelope(w, 404, nil)
			return
		}
		delete(s.users, token)
		envelope(w, 200, nil)
	default:
		s.t.Errorf("unexpected request: %s %s", r.Method, r.URL.Path)
	}
}

func (s *service) register(w http.ResponseWriter, body map[string]any) {
	token, _ := body["CustomToken"].(string)
	if s.users[token] != nil && !s.ignore {
		envelope(w, 409, nil)
		return
	}
	if token == "" || s.ignore {
		token = uuid.NewString()
	}
	envelope(w, 200, map[string]any{"DeviceToken": s.add(token, flat(body))})
}

func (s *service) add(token string, fields map[string]any) string {
	if fields == nil {
		fields = map[string]any{}
	}
	s.users[token] = &user{instance: here, created: s.created, fields: fields}
	return token
}

// list returns everybody of the instance here on one page.
func (s *service) list(w http.ResponseWriter) {
	all := s.shown(func(_ string, u *user) bool { return u.instance == here })
	envelope(w, 200, map[string]any{"Users": all, "HasNextPage": false, "TotalUsers": len(all), "TotalPages": 1,
		"CurrentPage": 1})
}

func (s *service) find(w http.ResponseWriter, r *http.Request) {
	token, client := r.URL.Query().Get("DeviceToken"), r.URL.Query().Get("ClientId")
	envelope(w, 200, s.shown(func(t string, u *user) bool {
		return (token == "" || t == token) && (client == "" || u.fields["ClientId"] == client)
	}))
}

func (s *service) shown(is func(token string, u *user) bool) []any {
	found := []any{}
	for token, u := range s.users {
		if !is(token, u) {
			continue
		}
		userFields := map[string]any{}
		for _, name := range []string{"ClientId", "EnableTracking", "EnableLogging", "EnableRealTimeLocation", "Enabled"} {
			userFields[name] = u.fields[name]
		}
		found = append(found, map[string]any{
			"DeviceToken": token, "DateCreated": u.created, "Status": "Active",
			"AccountInfo": map[string]any{"InstanceId": u.instance},
			"UserProfile": u.fields, "UserFields": []any{userFields},
		})
	}
	return found
}

// flat returns the fields of a body, those of UserFields among them.
func flat(body map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range body {
		if inner, ok := value.(map[string]any); ok {
			for name, value := range inner {
				out[name] = value
			}
			continue
		}
		out[name] = value
	}
	return out
}

func envelope(w http.ResponseWriter, status int, result any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"Status": status, "Title": http.StatusText(status), "Result": result,
		"Errors": []any{}})
}

// gateway answers as something in front of the service does: without its envelope.
func gateway(status int) func(http.ResponseWriter, *http.Request, func()) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html>nginx</html>"))
		return true
	}
}

// lost carries the request out and breaks the connection.
func lost(_ http.ResponseWriter, _ *http.Request, done func()) bool {
	done()
	panic(http.ErrAbortHandler)
}

// refuse is the service's own refusal.
func refuse(status int, key, message string) func(http.ResponseWriter, *http.Request, func()) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"Status": status, "Title": "no",
			"Errors": []any{map[string]any{"Key": key, "Message": message}}})
		return true
	}
}

// admin reads users of the instance here.
func admin(api *userservice.Client) *fleet.Membership {
	return &fleet.Membership{Find: fleet.FindIn(api, userservice.AsAdmin()), Instance: fleet.Instance{ID: here},
		Now: time.Now}
}

// attempt is a record that is sent.
func attempt(token string, fields field.Set) job.Attempt {
	first, _ := time.Parse(time.RFC3339, firstSent)
	a := job.Attempt{Record: job.Record{N: 1, Fields: fields}, FirstSent: first}
	if token != "" {
		a.DeviceToken = uuid.MustParse(token)
	}
	return a
}

func set(pairs ...any) field.Set {
	var s field.Set
	for i := 0; i < len(pairs); i += 2 {
		s.Put(field.MustGet(pairs[i].(string)), pairs[i+1])
	}
	return s
}

// do makes one attempt of a single record.
func do(t *testing.T, op job.Operation, a job.Attempt) (job.Result, error) {
	t.Helper()
	results, err := op.Do(context.Background(), []job.Attempt{a})
	if err != nil {
		return job.Result{}, err
	}
	if len(results) != 1 {
		t.Fatalf("%d results", len(results))
	}
	return results[0], nil
}
