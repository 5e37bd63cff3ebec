package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/store"
)

// The lifetimes of what the service issues, unless Options say otherwise.
const (
	RegisterLife = 432000 * time.Second    // a JWT from a registration (live)
	SignInLife   = 86400 * time.Second     // a JWT from a sign-in or a refresh (live)
	RefreshLife  = 7 * 24 * time.Hour      // a user's refresh token (assumed: refresh-life)
	adminLife    = 90 * 24 * time.Hour     // an admin's: three months (live)
	refreshBytes = 48                      // of a refresh token
	keyBits      = 2048                    // of the key for RS256
	keyID        = "telematicsctl-sandbox" // of that key
	audience     = "https://user.telematicssdk.com"
)

// claims are a JWT's, in the forms of 2026 and of 2019 (live). Generation is the
// sandbox's own: it makes JWTs expire at once. What more there may be in those of the
// real service is not known (assumed: jwt-size).
type claims struct {
	jwt.RegisteredClaims
	Audience string `json:"aud,omitempty"` // a string, where jwt's is a list

	DeviceToken string `json:"DeviceToken,omitempty"`
	InstanceID  string `json:"InstanceId,omitempty"`
	CompanyID   string `json:"CompanyId,omitempty"`
	AppID       string `json:"AppId,omitempty"`
	Email       string `json:"Email,omitempty"`
	IsAdmin     string `json:"IsAdmin,omitempty"`

	Tracking    string  `json:"SdkEnableTracking,omitempty"`
	Logging     string  `json:"SdkEnableLogging,omitempty"`
	RealTime    string  `json:"SdkEnableRealTimeLocation,omitempty"`
	Enabled     string  `json:"SdkEnabled,omitempty"`
	SettingsURI string  `json:"SdkSettingsUri,omitempty"`
	SDK         string  `json:"Sdk,omitempty"`
	ClientID    *string `json:"SdkClientId,omitempty"` // "" without a ClientId

	RefreshToken   string `json:"RefreshToken,omitempty"`
	RefreshExpires string `json:"RefreshTokenExpiredDate,omitempty"`
	InstanceKey    string `json:"InstanceKey,omitempty"`

	Generation string `json:"SandboxGeneration"`
}

// GetNotBefore is part of jwt.Claims; a clock that is moved back makes no JWT invalid.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil } //nolint:nilnil // no such limit

// issued is a pair as it is answered.
type issued struct {
	DeviceToken  string       `json:"DeviceToken,omitempty"`
	AccessToken  *accessToken `json:"AccessToken"`
	RefreshToken *string      `json:"RefreshToken"`
}

type accessToken struct {
	Token     string
	ExpiresIn int64 // seconds
}

func dotNet(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// issue makes a pair for whom w is, and keeps its refresh token. It is signed later: a signature
// takes a while.
func (c *call) issue(w who, life time.Duration) later {
	refresh := base64.StdEncoding.EncodeToString(c.Random(refreshBytes))
	out := issued{AccessToken: &accessToken{ExpiresIn: int64(life / time.Second)}, RefreshToken: &refresh}
	var cl claims
	keeps := adminLife
	if w.user != nil {
		keeps = c.RefreshLife
		out.DeviceToken = w.user.Token
		cl = c.userClaims(w, refresh, c.now.Add(keeps))
	} else {
		cl = claims{Email: w.admin.Email, IsAdmin: dotNet(true)}
		cl.Subject = w.admin.ID()
	}
	cl.Generation = generation(c.st, w.user)
	cl.Issuer, cl.Audience, cl.ID = "webApi", audience, c.NewUUID()
	cl.IssuedAt = jwt.NewNumericDate(c.now)
	cl.NotBefore, cl.ExpiresAt = cl.IssuedAt, jwt.NewNumericDate(c.now.Add(life))
	c.change(c.st.Expired(w.subject(), c.now)...)
	c.change(store.Change{Pair: &store.Pair{Subject: w.subject(), Hash: hash(refresh), Expires: c.now.Add(keeps).UTC()}})
	return func(ctx context.Context) (_ any, err error) {
		out.AccessToken.Token, err = c.sign(ctx, &cl)
		return out, err
	}
}

func (c *call) userClaims(w who, refresh string, until time.Time) claims {
	u := w.user
	clientID := u.Fields.Get("ClientId")
	cl := claims{
		Tracking: dotNet(flagOf(u, "EnableTracking")), Logging: dotNet(flagOf(u, "EnableLogging")), ClientID: &clientID,
	}
	cl.Subject = u.Token
	if c.JWTForm == JWT2019 {
		cl.DeviceToken, cl.InstanceID = u.Token, w.in.ID
		cl.CompanyID, cl.RealTime = "3", dotNet(flagOf(u, "EnableRealTimeLocation"))
		cl.RefreshToken, cl.InstanceKey = refresh, w.in.Key
		cl.RefreshExpires = until.UTC().Format(time.RFC3339)
		return cl
	}
	dashless := strings.NewReplacer("-", "").Replace
	cl.DeviceToken, cl.InstanceID = dashless(u.Token), dashless(w.in.ID)
	cl.CompanyID, cl.AppID = dashless(w.in.Company.ID), dashless(w.in.Application.ID)
	cl.Enabled, cl.IsAdmin, cl.SDK = dotNet(flagOf(u, "Enabled")), dotNet(false), dotNet(true)
	cl.SettingsURI = "https://mobilesdk.telematicssdk.com/settings"
	return cl
}

// generation changes when JWTs issued before are to count as expired.
func generation(st *store.State, u *store.User) string {
	if u == nil {
		return fmt.Sprint(st.Generation)
	}
	return fmt.Sprintf("%d.%d", st.Generation, u.Generation)
}

func hash(refresh string) string {
	sum := sha256.Sum256([]byte(refresh))
	return hex.EncodeToString(sum[:16])
}

// subject is whom refresh tokens are kept for: a DeviceToken, or an admin's email address.
func (w who) subject() string {
	if w.user != nil {
		return w.user.Token
	}
	return strings.ToLower(w.admin.Email)
}

func (s *Server) sign(ctx context.Context, cl *claims) (string, error) {
	if s.JWTForm == JWT2019 {
		var secret []byte
		if err := s.Store.View(ctx, func(st *store.State) { secret = st.Secret }); err != nil {
			return "", err
		}
		return jwt.NewWithClaims(jwt.SigningMethodHS256, cl).SignedString(secret)
	}
	key, err := s.key(ctx)
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, cl)
	t.Header["kid"] = keyID
	return t.SignedString(key)
}

// newKey is the key of the sandboxes that begin in this process: one, because to find its primes
// takes a tenth of a second and more.
var newKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, keyBits) })

// key returns the key for RS256, which is made when it is first needed.
func (s *Server) key(ctx context.Context) (key *rsa.PrivateKey, err error) {
	viewed := s.Store.View(ctx, func(st *store.State) { key, err = st.Key() })
	if err = errors.Join(viewed, err); key != nil || err != nil {
		return key, err
	}
	made, err := newKey()
	if err != nil {
		return nil, err
	}
	kept, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, err
	}
	updated := s.Store.Update(ctx, func(st *store.State) []store.Change {
		if key, err = st.Key(); key != nil || err != nil {
			return nil // another request was faster
		}
		key = made
		return []store.Change{{PrivateKey: kept}}
	})
	return key, errors.Join(updated, err)
}

// KeySet returns the public key of JWTs, as a JSON Web Key Set; the form of 2019 has none.
func (s *Server) KeySet(ctx context.Context) (any, error) {
	keys := []map[string]string{}
	if s.JWTForm != JWT2019 {
		key, err := s.key(ctx)
		if err != nil {
			return nil, err
		}
		text := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
		keys = append(keys, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID, "n": text(key.N), "e": text(big.NewInt(int64(key.E))),
		})
	}
	return map[string]any{"keys": keys}, nil
}

var (
	errExpired = errors.New("the JWT has expired")
	errNobody  = errors.New("the JWT is nobody's")
)

// verify reads a JWT and finds its bearer. Where only the time is against it, both come with
// errExpired.
func (c *call) verify(token string) (w who, cl *claims, err error) {
	cl = &claims{}
	_, err = jwt.ParseWithClaims(token, cl, func(t *jwt.Token) (any, error) { return verifyKey(c.st, t) },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg(), jwt.SigningMethodRS256.Alg()}),
		jwt.WithIssuer("webApi"), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return c.now }))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		err = errExpired
	case err != nil:
		return w, nil, err
	}
	w, known := c.bearer(cl)
	if !known {
		return w, nil, errNobody
	}
	return w, cl, err
}

// bearer finds whom claims speak of; a user who was deleted is nobody (assumed: deleted-jwt).
func (c *call) bearer(cl *claims) (w who, known bool) {
	if cl.DeviceToken == "" {
		w.admin = c.st.Admin(cl.Email)
		return w, w.admin != nil
	}
	token, _ := field.ParseUUID(cl.DeviceToken)
	if w.user = c.st.User(token); w.user == nil {
		return w, false
	}
	w.in = c.st.Instance(w.user.Instance)
	return w, w.in != nil
}

func verifyKey(st *store.State, t *jwt.Token) (any, error) {
	if t.Method == jwt.SigningMethodHS256 {
		return st.Secret, nil
	}
	key, err := st.Key()
	if key == nil {
		return nil, errors.Join(err, errors.New("no key was made"))
	}
	return key.Public(), nil
}
