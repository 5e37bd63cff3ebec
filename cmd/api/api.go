// Package api holds the command `api`: any call of the service, signed in.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
	"github.com/telematicsctl/telematicsctl/internal/wait"
)

type options struct {
	method, path string
	text         []string // -f Key=text
	typed        []string // -F Key=json
	data         string
	headers      []string
	host         string
	asUser       string
	paginate     bool
	include      bool
}

// hosts are the values of --host.
var hosts = []string{
	string(userservice.HostUser), string(userservice.HostAccounts), string(userservice.HostPortal),
	string(userservice.HostStatistics),
	string(userservice.HostDeviceStatus),
}

// methods are the values of METHOD.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// New makes the command `api`.
func New(k *cmdutil.App) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:         "api METHOD PATH",
		Annotations: cmdutil.Effects(cmdutil.Changes, cmdutil.SignsIn, cmdutil.Deletes),
		Short:       "Make any call of the service",
		Long: `Makes any call of the service, signed in as the admin (or, with --as-user, as a
user), and prints the response as it came, secrets redacted.
PATH begins with /. A full URL must be one of a configured host, so that a JWT
is never sent to any other. The body is made of -f and -F, or read with --data.

A call that is not a GET is treated as a change: it is sent once, and a
protected profile asks first. A registration is sent with the InstanceId and
the InstanceKey of the profile rather than a JWT.`,
		Example: `  telematicsctl api GET '/v1/Management/users/find?ClientId=c-1001'
  telematicsctl api GET /auth/permissions --host portal
  telematicsctl api POST /v1/Management/users/GetFilteredPage \
    -F PageNumber=1 -F PageSize=10 -F IncludeAccountInfo=false \
    -F ShowInactiveUsers=true -f Sort=DateCreatedDesc --jq .Result.TotalUsers`,
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return methods, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.method, o.path = strings.ToUpper(args[0]), args[1]
			return run(c.Context(), k, o)
		},
	}
	f := c.Flags()
	cmdutil.AddConfirm(c, k, "thing (1), or change it")
	f.StringArrayVarP(&o.text, "field", "f", nil,
		"add a text to the body: `Key=text`; a dot makes an object: UserFields.ClientId=c-1")
	f.StringArrayVarP(&o.typed, "json-field", "F", nil, "add a JSON value to the body: `Key=json`")
	f.StringVar(&o.data, "data", "", "read the body from a `file` (- for standard input)")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "add a header: `'Name: value'`")
	f.StringVar(&o.host, "host", "", "`host` to call: "+strings.Join(hosts, ", ")+" (default user)")
	f.StringVar(&o.asUser, "as-user", "", "call as the user with this `DeviceToken` rather than as the admin")
	f.BoolVar(&o.paginate, "paginate", false, "continue with the next PageNumber while the response has HasNextPage")
	f.BoolVarP(&o.include, "include", "i", false, "print the status and the headers of the response too")
	cmdutil.CompleteWords(c, "host", hosts...)
	return c
}

// request checks the options whole.
func (o options) request(k *cmdutil.App) (userservice.RawCall, userservice.Caller, error) {
	r := userservice.RawCall{Method: o.method, Host: userservice.Host(o.host), Path: o.path, Header: map[string]string{}}
	as := userservice.AsAdmin()
	var wrong []failure.Field
	add := func(key, format string, args ...any) {
		wrong = append(wrong, failure.Field{Key: key, Message: fmt.Sprintf(format, args...)})
	}
	if _, err := cmdutil.OneOf(o.method, methods...); err != nil {
		add("METHOD", "%v", err)
	}
	if host, err := cmdutil.OneOf(o.host, hosts...); o.host != "" && err != nil {
		add("--host", "%v", err)
	} else {
		r.Host = userservice.Host(host)
	}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			add("--header", "%q is not Name: value", h)
			continue
		}
		if strings.EqualFold(name, "Authorization") {
			add("--header", "Authorization is set by the sign-in; use --as-user or another profile")
			continue
		}
		r.Header[name] = strings.TrimSpace(value)
	}
	if o.asUser != "" {
		id, err := field.ParseServiceUUID(o.asUser)
		if err != nil || id == uuid.Nil {
			add("--as-user", "%q is not a UUID", o.asUser)
		}
		as = userservice.Caller{Subject: id.String()}
	}
	if o.data != "" && len(o.text)+len(o.typed) > 0 {
		add("--data", "excludes --field and --json-field")
	}
	body := o.fields(add)
	if err := failure.InvalidFields("invalid call", wrong); err != nil {
		return r, as, err
	}
	var err error
	switch {
	case o.data != "":
		r.Body, err = k.ReadInput("--data", o.data)
	case len(body) > 0:
		r.Body, err = json.Marshal(body)
	}
	if o.method == http.MethodGet && len(r.Body) > 0 {
		return r, as, failure.New(failure.Invalid, "invalid call: a GET has no body; put values into the query of PATH")
	}
	return r, as, err
}

// fields returns the body that --field and --json-field make; add takes what is wrong with them.
func (o options) fields(add func(key, format string, args ...any)) map[string]any {
	body := map[string]any{}
	for _, text := range o.text {
		if err := put(body, text, func(s string) (any, error) { return s, nil }); err != nil {
			add("--field", "%v", err)
		}
	}
	for _, text := range o.typed {
		if err := put(body, text, parseJSON); err != nil {
			add("--json-field", "%v", err)
		}
	}
	return body
}

func parseJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, fmt.Errorf("%q is not JSON (use -f for a text)", text)
	}
	return v, nil
}

// put adds Key=value to a body; a dot in the key makes an object.
func put(body map[string]any, text string, parse func(string) (any, error)) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("%q is not Key=value", text)
	}
	v, err := parse(value)
	if err != nil {
		return err
	}
	names := strings.Split(key, ".")
	for _, name := range names[:len(names)-1] {
		inner, ok := body[name].(map[string]any)
		if !ok {
			if body[name] != nil {
				return fmt.Errorf("%s is both a value and an object", name)
			}
			inner = map[string]any{}
			body[name] = inner
		}
		body = inner
	}
	body[names[len(names)-1]] = v
	return nil
}

// isRead reports whether a call changes nothing: a GET, and the list, which is a POST.
func isRead(r userservice.RawCall) bool {
	return r.Method == http.MethodGet || strings.Contains(strings.ToLower(r.Path), "/getfilteredpage") ||
		strings.HasSuffix(strings.ToLower(r.Path), "/raw/users/latest")
}

func run(ctx context.Context, k *cmdutil.App, o options) error {
	r, as, err := o.request(k)
	if err != nil {
		return err
	}
	p, err := k.Printer(ctx)
	if err != nil {
		return err
	}
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if _, _, err := s.API.Resolve(r.Host, r.Path); err != nil {
		return err
	}
	if as.Subject != userservice.AsAdmin().Subject || s.API.Registers(r) {
		in, err := s.Instance(ctx)
		if err != nil {
			return err
		}
		as.Self = &in
	}
	if !isRead(r) {
		if err := k.ConfirmCall(); err != nil {
			return err
		}
		if err := s.ConfirmChange(ctx, cmdutil.Change{What: "Send " + r.Method + " " + render.Sanitize(r.Path)}); err != nil {
			return err
		}
	}
	r.ShowSecrets = k.Flags.ShowTokens
	if !isRead(r) {
		var stop context.CancelFunc
		ctx, stop = wait.Grace(ctx, wait.AnswerGrace)
		defer stop()
	}
	for {
		answer, err := call(ctx, s, as, r)
		if answer.Status != 0 {
			if printErr := o.print(k, p, answer); printErr != nil {
				if !isRead(r) {
					printErr = cmdutil.Unprinted(printErr, fmt.Sprintf("%s %s was answered %d", r.Method, r.Path, answer.Status))
				}
				return errors.Join(printErr, err)
			}
		}
		if err != nil && !isRead(r) {
			return lost(err)
		}
		if err != nil || !o.paginate || !nextPage(&r, answer.Body) {
			return err
		}
	}
}

// lost says of a change that failed that it may have been made: sent again, a registration would
// make a second user.
func lost(err error) error {
	f := failure.Copy(err)
	if refused := f.Status/100 == 4; f.MayHaveApplied && f.Code != failure.Interrupted && !refused {
		f.Message += "; it may have been carried out anyway"
		f.Hint = "look what was done before you send it again"
		return f
	}
	return err
}

// call makes a call. A sign-in is counted like any other, and a block of the service recorded.
func call(ctx context.Context, s *cmdutil.Session, as userservice.Caller,
	r userservice.RawCall) (userservice.RawAnswer, error) {
	if !s.API.SignsIn(r) {
		return s.API.Call(ctx, as, r)
	}
	guard, host := s.Auth.Guard, s.API.Host()
	if err := guard.Enter(ctx, host); err != nil {
		return userservice.RawAnswer{}, err
	}
	answer, err := s.API.Call(ctx, as, r)
	if err != nil && answer.Status == http.StatusTooManyRequests {
		err = errors.Join(err, guard.Blocked(context.WithoutCancel(ctx), host, failure.From(err).RetryAfter))
	}
	return answer, err
}

// print prints a response: as it came where it is not JSON, else with its secrets redacted.
func (o options) print(k *cmdutil.App, p *render.Printer, answer userservice.RawAnswer) error {
	if o.include {
		if err := printHead(k.Streams.Out, answer); err != nil {
			return err
		}
	}
	body := answer.Body
	if json.Valid(body) && len(bytes.TrimSpace(body)) > 0 {
		return render.One(p, render.View[json.RawMessage]{}, json.RawMessage(body))
	}
	if p.Queried() && len(bytes.TrimSpace(body)) > 0 {
		return failure.New(failure.Failed, "the response is not JSON")
	}
	if len(body) > 0 && body[len(body)-1] != '\n' {
		body = append(body, '\n')
	}
	return render.Text(p, string(body))
}

func printHead(out io.Writer, answer userservice.RawAnswer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", answer.Status, http.StatusText(answer.Status))
	for _, name := range sortedNames(answer.Header) {
		value := strings.Join(answer.Header[name], ", ")
		if strings.EqualFold(name, "Set-Cookie") || strings.EqualFold(name, "Authorization") {
			value = secret.Redacted
		}
		fmt.Fprintf(&b, "%s: %s\n", name, render.Sanitize(value))
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func sortedNames(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// nextPage turns a call into that for the next page, and reports whether there is one.
func nextPage(r *userservice.RawCall, answer []byte) bool {
	var page struct {
		Result struct{ HasNextPage bool }
	}
	if json.Unmarshal(answer, &page) != nil || !page.Result.HasNextPage {
		return false
	}
	if r.Method == http.MethodGet {
		u, err := url.Parse(r.Path)
		if err != nil {
			return false
		}
		q := u.Query()
		q.Set("PageNumber", fmt.Sprint(number(q.Get("PageNumber"))+1))
		u.RawQuery = q.Encode()
		r.Path = u.String()
		return true
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(r.Body, &body) != nil {
		return false
	}
	body["PageNumber"] = json.RawMessage(fmt.Sprint(number(string(body["PageNumber"])) + 1))
	next, err := json.Marshal(body)
	r.Body = next
	return err == nil
}

func number(text string) int {
	n := 1
	_, _ = fmt.Sscan(text, &n)
	return n
}
