package userservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// Pair is the two tokens that a subject acts by.
type Pair struct {
	Access    secret.String // AccessToken, a JWT
	ExpiresIn time.Duration // of the AccessToken, as the service says it
	Refresh   secret.String // RefreshToken; worthless once used
	// DeviceToken is whose the service says the pair is, as it writes it; "" where it does not say, as for an admin.
	DeviceToken string
}

// Registered is one user as the service made it.
type Registered struct {
	DeviceToken string
	Pair        *Pair // nil where none was asked for
	// Repeated is set where the service refused a CustomToken as taken after an earlier try of this very call had been
	// lost on the way: that try had arrived. The user exists, and its pair is not known.
	Repeated bool
}

func (in Instance) header() map[string]string {
	return map[string]string{"InstanceId": in.ID, "InstanceKey": in.Key.Reveal()}
}

// Register makes one user (POST /v1/Registration/create; seed, live). It is not idempotent (live), so it is sent once, and an error
// with Unclear set means that the user may exist; with a CustomToken among the fields doing it twice is doing it once, and it is
// repeated like a read.
func (c *Client) Register(ctx context.Context, in Instance, user field.Set) (Registered, error) {
	body, err := user.Body(field.Create)
	if err != nil {
		return Registered{}, failure.Wrap(failure.Invalid, "register a user", err)
	}
	var made Registered
	cl := call{
		name: "register a user", method: http.MethodPost, path: "/v1/Registration/create", header: in.header(), body: body, kind: jsonKind,
		changes: true, secrets: []secret.String{in.Key}, decode: func(result []byte) (err error) {
			made, err = decodeOne(result)
			return err
		},
		quick: func(answer []byte) (ok bool) {
			made, ok = decodeRegistration(answer)
			return ok
		},
	}
	token := user.Text("CustomToken")
	if token != "" {
		cl.repeat = always
	}
	err = c.do(ctx, cl)
	switch {
	case err == nil:
		return made, nil
	case token != "" && failure.MayHaveApplied(err) && TokenTaken(err):
		return Registered{DeviceToken: token, Repeated: true}, nil
	case token != "" && TokenTaken(err):
		return Registered{}, hinted(err, "a user has the DeviceToken "+token+" already")
	}
	return Registered{}, c.byKey(err)
}

// RegisterMany makes quantity users alike (path and answer are assumed; its body is from the seed). custom may
// say tracking, logging and enabled. It is sent once; an error with Unclear set means that all, some or none of the users may exist. The
// service may return fewer users than were asked for. Where it has no such call, the error satisfies NoSuchCall.
func (c *Client) RegisterMany(ctx context.Context, in Instance, quantity int, createAccessToken bool, custom field.Set) ([]Registered, error) {
	fields, err := custom.Body(field.Quantity)
	if err != nil {
		return nil, failure.Wrap(failure.Invalid, "register many users", err)
	}
	request := struct {
		Quantity          int
		CreateAccessToken bool
		CustomFields      json.RawMessage `json:",omitempty"`
	}{quantity, createAccessToken, fields}
	if custom.Len() == 0 {
		request.CustomFields = nil
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, failure.Wrap(failure.Invalid, "register many users", err)
	}
	var made []Registered
	err = c.do(ctx, call{
		name: "register many users", method: http.MethodPost, path: c.multiple, header: in.header(), body: body, kind: jsonKind,
		changes: true, secrets: []secret.String{in.Key}, decode: func(result []byte) (err error) {
			made, err = decodeMany(result)
			return err
		},
	})
	return made, c.byKey(err)
}

// byKey says of a refusal by InstanceId and InstanceKey what to look at.
func (c *Client) byKey(err error) error {
	if !failure.Is(err, failure.Unauthorized) {
		return err
	}
	hint := "check the InstanceId and the InstanceKey: they must be of one instance, and of this service"
	if c.keyHint != nil && c.keyHint() != "" {
		hint += "; " + c.keyHint()
	}
	return hinted(err, hint)
}

// hinted gives an error a hint, where it has none.
func hinted(err error, hint string) error {
	var f *failure.Error
	if errors.As(err, &f) && f.Hint == "" {
		f.Hint = hint
	}
	return err
}

// NoSuchCall tells whether the service said that it does not know a call's path.
func NoSuchCall(err error) bool {
	var f *failure.Error
	return errors.As(err, &f) && (f.Status == http.StatusNotFound || f.Status == http.StatusMethodNotAllowed)
}

// TokenTaken tells whether a registration was refused because its CustomToken belongs to a user already. How the service says
// that is unpublished (assumed: 409, or 422 with an entry or a title that says so of the token); a refusal for any other
// reason must not be taken for it. A 409 that names nothing else is taken for it, as a registration can be in conflict with nothing else that is known.
func TokenTaken(err error) bool {
	var f *failure.Error
	if !errors.As(err, &f) || (f.Status != http.StatusConflict && f.Status != http.StatusUnprocessableEntity) {
		return false
	}
	conflict := f.Status == http.StatusConflict
	for _, entry := range f.Fields {
		if namesToken(entry.Key[strings.LastIndex(entry.Key, ".")+1:]) { // «$.CustomToken» too
			return saysTaken(entry.Message) || (conflict && !saysOther(entry.Message))
		}
	}
	for _, entry := range f.Fields {
		if !namesOther(entry.Key) && tokenIsTaken(entry.Message, conflict) { // an entry for the user, or for nothing
			return true
		}
	}
	return len(f.Fields) == 0 && (tokenIsTaken(f.Title, conflict) || (conflict && isBare(f.Title)))
}

// tokenIsTaken reads a text that stands for no field: it must name the token, or at least, beside a 409, no other field.
func tokenIsTaken(text string, conflict bool) bool {
	return saysTaken(text) && !namesOther(text) && (conflict || namesToken(text))
}

func namesToken(text string) bool {
	t := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	return strings.Contains(t, "customtoken") || strings.Contains(t, "devicetoken")
}

// isBare tells whether a title says nothing but the status.
func isBare(title string) bool { return title == "" || strings.EqualFold(title, "Conflict") }

// namesOther tells whether a text is about a field besides the token, which may be the one that is taken.
func namesOther(text string) bool {
	return containsAny(text, "mail", "phone", "clientid", "client id", "name")
}

// takenWords are the ways to say that something is somebody's. «already» alone says nothing: so may a thing be that is disabled.
var takenWords = regexp.MustCompile(`(?i)\b(taken|in use|exists?|duplicated?|(not|must be) unique|belongs to|already (been )?(used|registered|assigned))\b`)

func saysTaken(text string) bool { return !saysOther(text) && takenWords.MatchString(text) }

// saysOther tells whether a text is about the token's form, about something that is not there, or about what may not be done at all.
func saysOther(text string) bool {
	return containsAny(text, "not valid", "not a valid", "invalid", "not exist", "n't exist", "not found", "not belong", "malformed", "format", "quota", "limit", "disabled", "not allowed", "not permitted")
}

func containsAny(text string, words ...string) bool {
	t := strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(t, w) })
}

// registered is the Result of a registration, a sign-in and a refresh (live).
type registered struct {
	DeviceToken string
	AccessToken *struct {
		Token     secret.String
		ExpiresIn float64 // seconds
	}
	RefreshToken *secret.String
}

// decodeOne reads one registered user, and holds it to its shape: one without a DeviceToken is no answer.
func decodeOne(result []byte) (Registered, error) {
	var r registered
	target := any(&r)
	if bytes.HasPrefix(result, []byte(`"`)) {
		target = &r.DeviceToken // a bare DeviceToken
	}
	if err := json.Unmarshal(result, target); err != nil {
		return Registered{}, err
	}
	token, err := field.ParseUUID(r.DeviceToken)
	if err != nil {
		return Registered{}, fmt.Errorf("its DeviceToken is no UUID: %.80q", r.DeviceToken)
	}
	return Registered{DeviceToken: token, Pair: r.pair()}, nil
}

// decodeRegistration reads the answer to a registration in one go, where all of it is as it should be.
func decodeRegistration(answer []byte) (Registered, bool) {
	var a struct {
		Result registered
		head
	}
	if json.Unmarshal(answer, &a) != nil || a.Status >= 400 {
		return Registered{}, false
	}
	token, err := field.ParseUUID(a.Result.DeviceToken)
	return Registered{DeviceToken: token, Pair: a.Result.pair()}, err == nil
}

func (r registered) pair() *Pair {
	if r.AccessToken == nil || r.AccessToken.Token.IsZero() {
		return nil
	}
	pair := &Pair{Access: r.AccessToken.Token, ExpiresIn: seconds(r.AccessToken.ExpiresIn), DeviceToken: r.DeviceToken}
	if r.RefreshToken != nil {
		pair.Refresh = *r.RefreshToken
	}
	return pair
}

// seconds is a lifetime, held between none and a hundred years, whatever number came.
func seconds(n float64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	if !(n > 0) {
		return 0
	}
	return time.Duration(min(n, century) * float64(time.Second))
}

// decodeMany reads the users of RegisterMany. Its shape is assumed: a list of what one registration returns; a list
// of bare DeviceTokens, and a list under the only list member of an object, are taken too.
func decodeMany(result []byte) ([]Registered, error) {
	if result[0] == '{' {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(result, &object); err != nil {
			return nil, err
		}
		list, err := onlyList(object)
		if err != nil {
			return nil, err
		}
		result = list
	}
	var items []json.RawMessage
	if err := json.Unmarshal(result, &items); err != nil {
		return nil, err
	}
	users := make([]Registered, len(items))
	for i, item := range items {
		var err error
		if users[i], err = decodeOne(item); err != nil {
			return nil, fmt.Errorf("user %d of %d: %w", i+1, len(items), err)
		}
	}
	return users, nil
}

func onlyList(object map[string]json.RawMessage) (json.RawMessage, error) {
	var list json.RawMessage
	for _, member := range object {
		if !bytes.HasPrefix(member, []byte("[")) {
			continue
		}
		if list != nil {
			return nil, errors.New("it has more than one list")
		}
		list = member
	}
	if list == nil {
		return nil, errors.New("it has no list of users")
	}
	return list, nil
}
