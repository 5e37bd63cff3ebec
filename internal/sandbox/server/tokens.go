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

// pair is a JWT that is yet to be signed, and a refresh token.
type pair struct {
	claims  claims
	token   string // a user's
	life    time.Duration
	refresh string
}

func dotNet(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// newPair makes a pair for whom w is, and keeps its refresh token.
func (c *call) newPair(w who, life time.Duration) pair {
	p := pair{life: life, refresh: base64.StdEncoding.EncodeToString(c.Random(refreshBytes))}
	keeps := adminLife
	if w.user != nil {
		keeps = c.RefreshLife
		p.token = w.user.Token
		p.claims = c.userClaims(w, p.refresh, c.now.Add(keeps))
	} else {
		p.claims = claims{Email: w.admin.Email, IsAdmin: dotNet(true)}
		p.claims.Subject = w.admin.ID()
	}
	p.claims.Generation = generation(c.st, w.user)
	p.claims.Issuer, p.claims.Audience, p.claims.ID = "webApi", audience, c.NewUUID()
	p.claims.IssuedAt = jwt.NewNumericDate(c.now)
	p.claims.NotBefore, p.claims.ExpiresAt = p.claims.IssuedAt, jwt.NewNumericDate(c.now.Add(life))
	kept := store.Pair{Subject: w.subject(), Hash: hash(p.refresh), Expires: c.now.Add(keeps).UTC()}
	c.change(c.st.Expired(kept.Subject, c.now)...)
	c.change(store.Change{Pair: &kept})
	return p
}

// issue makes a pair and signs it later.
func (c *call) issue(w who, life time.Duration) later {
	p := c.newPair(w, life)
	return func(ctx context.Context) (any, error) { return c.sign(ctx, p) }
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

// sign makes the answer with a pair. It is called when the changes are kept and others
// may go on: a signature takes a while.
func (s *Server) sign(ctx context.Context, p pair) (issued, error) {
	method, key, err := s.signer(ctx)
	if err != nil {
		return issued{}, err
	}
	t := jwt.NewWithClaims(method, &p.claims)
	if method == jwt.SigningMethodRS256 {
		t.Header["kid"] = keyID
	}
	signed, err := t.SignedString(key)
	return issued{
		DeviceToken: p.token, AccessToken: &accessToken{signed, int64(p.life / time.Second)}, RefreshToken: &p.refresh,
	}, err
}

// signer returns what JWTs are signed with. The key for RS256 is made when it is first needed.
func (s *Server) signer(ctx context.Context) (method jwt.SigningMethod, key any, err error) {
	var private *rsa.PrivateKey
	viewed := s.Store.View(ctx, func(st *store.State) {
		if method, key = jwt.SigningMethodHS256, st.Secret; s.JWTForm != JWT2019 {
			private, err = st.Key()
		}
	})
	if err = errors.Join(viewed, err); err != nil || s.JWTForm == JWT2019 {
		return method, key, err
	}
	if private == nil {
		private, err = s.makeKey(ctx)
	}
	return jwt.SigningMethodRS256, private, err
}

// makeKey makes the key for RS256, unless another request was faster.
func (s *Server) makeKey(ctx context.Context) (key *rsa.PrivateKey, err error) {
	made, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	kept, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		return nil, err
	}
	updated := s.Store.Update(ctx, func(st *store.State) []store.Change {
		if key, err = st.Key(); key != nil || err != nil {
			return nil
		}
		key = made
		return []store.Change{{PrivateKey: kept}}
	})
	return key, errors.Join(updated, err)
}

// KeySet returns the public key of JWTs, as a JSON Web Key Set.
func (s *Server) KeySet(ctx context.Context) (any, error) {
	type jwk struct {
		Kty string `json:"kty"`
		Use string `json:"use"`
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		N   string `json:"n"`
		E   string `json:"e"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{}}
	_, key, err := s.signer(ctx)
	if private, ok := key.(*rsa.PrivateKey); ok && err == nil {
		set.Keys = append(set.Keys, jwk{
			"RSA", "sig", "RS256", keyID, base64.RawURLEncoding.EncodeToString(private.N.Bytes()),
			base64.RawURLEncoding.EncodeToString(big.NewInt(int64(private.E)).Bytes()),
		})
	}
	return set, err
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
