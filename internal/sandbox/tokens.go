package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The lifetimes of what the service issues.
const (
	registrationLife = 432000 * time.Second    // a JWT from a registration (live)
	signInLife       = 86400 * time.Second     // a JWT from a sign-in or a refresh (live)
	refreshLife      = 90 * 24 * time.Hour     // a refresh token: three months for an admin (live), for a user too (assumed: refresh-life)
	signingKeyLength = 32                      // bytes
	refreshLength    = 48                      // bytes
	issuer           = "telematicsctl-sandbox" // so that nobody takes such a JWT for the real service's
)

// claims are a JWT's (live), save Generation, by which the sandbox makes JWTs expire at once. A user's carries its refresh token and its instance's key, as
// those of some issuers do (live): a JWT is a secret whatever it is used for. What more there is in those
// of the real service, which are larger, is not known (assumed: jwt-size).
type claims struct {
	jwt.RegisteredClaims
	InstanceID             string `json:"InstanceId,omitempty"`
	DeviceToken            string `json:"DeviceToken,omitempty"`
	CompanyID              string `json:"CompanyId,omitempty"`
	Email                  string `json:"Email,omitempty"`
	EnableTracking         *bool  `json:"SdkEnableTracking,omitempty"`
	EnableLogging          *bool  `json:"SdkEnableLogging,omitempty"`
	EnableRealTimeLocation *bool  `json:"SdkEnableRealTimeLocation,omitempty"`
	RefreshToken           string `json:"RefreshToken,omitempty"`
	InstanceKey            string `json:"InstanceKey,omitempty"`
	Generation             string `json:"Generation"`

	ClientID json.RawMessage `json:"SdkClientId,omitempty"` // each user's has it, null where there is none (assumed: no-client)
}

// issued is a pair as it is answered.
type issued struct {
	DeviceToken  *string      `json:"DeviceToken,omitempty"`
	AccessToken  *accessToken `json:"AccessToken"`
	RefreshToken *string      `json:"RefreshToken"`
}

type accessToken struct {
	Token     string
	ExpiresIn int64 // seconds
}

// userClaims are those of a user of an instance.
func (s state) userClaims(u *user, in instance) claims {
	tracking, logging, realtime := u.flag("EnableTracking"), u.flag("EnableLogging"), u.flag("EnableRealTimeLocation")
	return claims{
		RegisteredClaims: jwt.RegisteredClaims{Subject: u.Token},
		InstanceID:       in.ID, InstanceKey: in.Key, DeviceToken: u.Token, CompanyID: in.CompanyID,
		EnableTracking: &tracking, EnableLogging: &logging, EnableRealTimeLocation: &realtime,
		ClientID: appendOptional(nil, "", u.ClientID), Generation: s.generation(u),
	}
}

func (s state) adminClaims(a admin) claims {
	return claims{RegisteredClaims: jwt.RegisteredClaims{Subject: a.ID}, Email: a.Email, Generation: s.generation(nil)}
}

// generation changes when JWTs issued before are to count as expired.
func (s state) generation(u *user) string {
	if u == nil {
		return fmt.Sprint(s.number(keyGeneration))
	}
	return fmt.Sprintf("%d.%d", s.number(keyGeneration), u.Generation)
}

// issue signs a JWT and (that a refresh gives the DeviceToken too is assumed: refreshed), within an update, keeps a new refresh token for its subject.
func (c *call) issue(s state, cl claims, life time.Duration) issued {
	cl.Issuer = issuer
	cl.ID = c.newUUID().String()
	cl.IssuedAt = jwt.NewNumericDate(c.now)
	cl.ExpiresAt = jwt.NewNumericDate(c.now.Add(life))
	refresh := base64.RawURLEncoding.EncodeToString(c.random(refreshLength))
	if cl.DeviceToken != "" {
		cl.RefreshToken = refresh
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, cl).SignedString(s.get(keySigning))
	if err != nil {
		s.fail(err)
	}
	s.setNumber(pairKey(cl, refresh), uint64(c.now.Add(refreshLife).UnixMilli()))
	out := issued{AccessToken: &accessToken{signed, int64(life / time.Second)}, RefreshToken: &refresh}
	if cl.DeviceToken != "" {
		out.DeviceToken = &cl.DeviceToken
	}
	return out
}

// pairKey is where the expiry of a refresh token is kept, in milliseconds, until it is spent: under its subject, by its
// hash.
func pairKey(cl claims, refresh string) string {
	sum := sha256.Sum256([]byte(refresh))
	return pairsOf(cl.DeviceToken+cl.Email) + string(sum[:])
}

// pairsOf is what the keys of a subject's refresh tokens begin with; a subject is a DeviceToken, or an admin's e-mail address.
func pairsOf(subject string) string { return prefixPair + strings.ToLower(subject) + "\x00" }

// spend takes a refresh token of a JWT's subject out of the state; it is false where there is none, or it has expired.
func (s state) spend(cl claims, refresh string, now time.Time) bool {
	key := pairKey(cl, refresh)
	expires := s.number(key)
	if expires == 0 {
		return false
	}
	s.delete(key)
	return uint64(now.UnixMilli()) < expires
}

// forgetPairs removes a subject's refresh tokens that have expired by a moment; with the zero moment all of them.
func (s state) forgetPairs(subject string, now time.Time) {
	var gone []string
	s.each(pairsOf(subject), func(key string) bool {
		if now.IsZero() || s.number(key) <= uint64(now.UnixMilli()) {
			gone = append(gone, key)
		}
		return true
	})
	for _, key := range gone {
		s.delete(key)
	}
}

var errExpired = errors.New("the JWT has expired")

// verify reads a JWT of this state. Where only the time is against it the claims come with errExpired.
func (s state) verify(token string, now time.Time) (claims, error) {
	var c claims
	key := append([]byte(nil), s.get(keySigning)...)
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return c, errExpired
	default:
		return claims{}, err
	}
}

// signIns is what is kept of the sign-ins from one address.
type signIns struct {
	Times   []time.Time `json:"t,omitempty"` // of the last minute
	Blocked time.Time   `json:"b"`           // until when
}

const (
	signInWindow = time.Minute
	signInBlock  = time.Hour
)

// signIn counts a sign-in from an address; it returns how long the address is blocked, 0 if it is not. One sign-in
// over the limit within a minute blocks for an hour (live).
func (s state) signIn(address string, limit int, now time.Time) time.Duration {
	key := prefixSignIns + address
	var was signIns
	s.load(key, &was)
	if now.Before(was.Blocked) {
		return was.Blocked.Sub(now)
	}
	is := signIns{Times: []time.Time{now}}
	for _, t := range was.Times {
		if age := now.Sub(t); age >= 0 && age < signInWindow {
			is.Times = append(is.Times, t)
		}
	}
	if len(is.Times) > limit {
		is = signIns{Blocked: now.Add(signInBlock)}
		s.save(key, is)
		return signInBlock
	}
	s.save(key, is)
	return 0
}

// loginFields reads the LoginFields of a sign-in: a string that holds JSON (live), or an object (client). The names in
// an object go without regard to case, as the vendor's Android library writes DeviceToken there (for email that is
// assumed: login-object); in a string they are exact (live).
func loginFields(raw json.RawMessage) (map[string]string, bool) {
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		var fields map[string]string
		return fields, json.Unmarshal([]byte(inner), &fields) == nil && fields != nil
	}
	var fields struct{ Devicetoken, Email *string }
	if json.Unmarshal(raw, &fields) != nil {
		return nil, false
	}
	out := map[string]string{}
	if fields.Devicetoken != nil {
		out[deviceTokenKey] = *fields.Devicetoken
	}
	if fields.Email != nil {
		out["email"] = *fields.Email
	}
	return out, true
}

// deviceTokenKey is the inner name of a user's sign-in, exactly so in a string; any other spelling gets a 401 without a
// body (live).
const deviceTokenKey = "Devicetoken"
