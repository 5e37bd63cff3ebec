package userservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// registered is the Result of a registration, a sign-in and a refresh (live).
type registered struct {
	DeviceToken string
	AccessToken *struct {
		Token     secret.String
		ExpiresIn float // seconds
	}
	RefreshToken *secret.String
}

// decodeOne reads one registered user: one without a DeviceToken is not an answer.
func decodeOne(result []byte) (Registered, error) {
	var r registered
	target := any(&r)
	if bytes.HasPrefix(result, []byte(`"`)) {
		target = &r.DeviceToken // a bare DeviceToken
	}
	if err := json.Unmarshal(result, target); err != nil {
		return Registered{}, err
	}
	token := canonical(r.DeviceToken)
	if _, err := uuid.Parse(token); err != nil {
		return Registered{}, fmt.Errorf("its DeviceToken is not a UUID: %.80q", r.DeviceToken)
	}
	pair, err := r.pair()
	return Registered{DeviceToken: token, Pair: pair}, err
}

// decodeRegistration reads the answer to a registration in one go, where all of it is as it
// should be.
func decodeRegistration(answer []byte) (Registered, bool) {
	if token, ok := scanRegistration(answer); ok {
		return Registered{DeviceToken: token}, true
	}
	var a struct {
		Result registered
		head
	}
	if json.Unmarshal(answer, &a) != nil || a.Status < 200 || a.Status > 299 {
		return Registered{}, false
	}
	token, err := field.ParseServiceUUID(a.Result.DeviceToken)
	if err != nil || token == uuid.Nil {
		return Registered{}, false
	}
	pair, err := a.Result.pair()
	return Registered{DeviceToken: token.String(), Pair: pair}, err == nil
}

// pair returns the tokens of an answer; nil where there are none. Tokens that cannot be sent
// again are an error.
func (r registered) pair() (*Pair, error) {
	if r.AccessToken == nil || r.AccessToken.Token.IsZero() {
		return nil, nil
	}
	pair := &Pair{Access: r.AccessToken.Token, DeviceToken: r.DeviceToken}
	if v := r.AccessToken.ExpiresIn.value; v != nil {
		pair.ExpiresIn = seconds(*v)
	}
	if r.RefreshToken != nil {
		pair.Refresh = *r.RefreshToken
	}
	if !Printable(pair.Access) || !Printable(pair.Refresh) {
		return nil, failure.New(failure.Failed,
			"the service has issued tokens with characters that cannot be sent: they are not used").
			Because(ReasonMalformedToken, r.DeviceToken)
	}
	return pair, nil
}

// Printable reports whether a token can be sent in a header, stored and printed: it is printable
// ASCII without spaces.
func Printable(token secret.String) bool {
	s := token.Reveal()
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// seconds returns a lifetime between none and a hundred years, whatever number came.
func seconds(n float64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	if !(n > 0) {
		return 0
	}
	return time.Duration(min(n, century) * float64(time.Second))
}

// decodeMany reads the users of RegisterMany. Its shape is assumed: a list of what one
// registration returns; a list of bare DeviceTokens, and a list as the only list member of an
// object, are accepted too.
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
