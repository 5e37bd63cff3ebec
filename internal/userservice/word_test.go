package userservice_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// forms are the ways in which a refusal with a status may be written, and whether it is the
// service's own word.
var forms = map[string]struct {
	body string // %d is the status
	own  bool
}{
	"the envelope":                   {`{"Result":null,"Status":%d,"Title":"Conflict","Errors":[]}`, true},
	"the envelope without Result":    {`{"Status":%d,"Title":"Conflict"}`, true},
	"no body":                        {``, false},
	"HTML":                           {`<html><h1>%d</h1></html>`, false},
	"foreign JSON":                   {`{"error":"no","code":%d}`, false},
	"a problem document":             {`{"type":"about:blank","title":"Conflict","status":%d}`, false},
	"a problem document in Pascal":   {`{"Type":"about:blank","Title":"Conflict","Status":%d}`, false},
	"camel case":                     {`{"status":%d,"title":"Conflict","errors":[]}`, false},
	"a Status alone":                 {`{"Status":%d}`, false},
	"a Status that is text":          {`{"Status":"%d","Title":"Conflict"}`, false},
	"a Title alone":                  {`{"Title":"%d"}`, false},
	"an envelope that says success":  {`{"Status":200,"Title":"%d"}`, false},
	"a list":                         {`[%d]`, false},
	"an envelope and something more": {`{"Status":%d,"Title":"Conflict"} trailing`, false},
	"text":                           {`No %d`, false},
}

// A refusal is the service's own word only in its envelope. Else it is a gateway's, and nothing
// is inferred from it but that the call may be tried again.
func TestOnlyTheEnvelopeIsTheServicesOwnWord(t *testing.T) {
	t.Parallel()
	withToken := user(t, map[string]string{"CustomToken": device})
	calls := map[string]func(*userservice.Client) error{
		"register": func(c *userservice.Client) error { _, err := register(c, withToken); return err },
		"register many": func(c *userservice.Client) error {
			_, err := c.RegisterMany(context.Background(), instance, 2, false, field.Set{})
			return err
		},
		"update": func(c *userservice.Client) error {
			return c.Update(context.Background(), userservice.AsAdmin(), device, field.Set{})
		},
		"delete": func(c *userservice.Client) error {
			return c.Delete(context.Background(), userservice.AsAdmin(), device)
		},
		"find": func(c *userservice.Client) error {
			_, err := c.Find(context.Background(), userservice.AsAdmin(), userservice.FindQuery{DeviceToken: device})
			return err
		},
	}
	own := map[int]failure.Code{
		401: failure.Unauthorized, 403: failure.Unauthorized, 404: failure.NotFound, 405: failure.Rejected,
		409: failure.Rejected,
		410: failure.Rejected, 422: failure.Rejected,
	}
	for form, f := range forms {
		for status, code := range own {
			for name, send := range calls {
				t.Run(fmt.Sprintf("%s is answered %d with %s", name, status, form), func(t *testing.T) {
					t.Parallel()
					body := f.body
					if body != "" {
						body = fmt.Sprintf(body, status)
					}
					s := serve(t, answer(status, body))
					err := send(client(t, s.URL).Once())
					var got *failure.Error
					if !errors.As(err, &got) {
						t.Fatal(err)
					}
					counts := f.own || status == http.StatusUnauthorized && form == "no body"
					want := code
					if !counts {
						want = failure.Unavailable
					}
					if got.Code != want || got.Enveloped != f.own || got.Status != status {
						t.Errorf("code %s, enveloped %v, status %d: %v", got.Code, got.Enveloped, got.Status, err)
					}
					if lost := !counts && name != "find"; got.MayHaveApplied != lost {
						t.Errorf("MayHaveApplied is %v: %v", got.MayHaveApplied, err)
					}
					if taken := f.own && status == http.StatusConflict; userservice.TokenTaken(err) != taken {
						t.Errorf("taken for a DeviceToken in use: %v", !taken)
					}
					absent := name == "register many" && (status == 404 || status == 405) && (f.own || form == "no body")
					if userservice.NoSuchCall(err) != absent {
						t.Errorf("taken for a call that is not there: %v", !absent)
					}
				})
			}
		}
	}
}

// A success without an envelope is not claimed as one: the change may have been made.
func TestASuccessIsTheServicesOwnWordToo(t *testing.T) {
	t.Parallel()
	for form, f := range forms {
		if f.own || form == "an envelope that says success" || form == "camel case" || form == "a problem document" ||
			form == "a problem document in Pascal" {
			continue
		}
		body := f.body
		if body != "" {
			body = fmt.Sprintf(body, 200)
		}
		s := serve(t, answer(200, body))
		err := client(t, s.URL).Delete(context.Background(), userservice.AsAdmin(), device)
		if err == nil || !failure.MayHaveApplied(err) {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// What the envelope says is more exact than what a gateway made of it.
func TestTheStatusOfTheEnvelopeCounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		code   failure.Code
		says   int
	}{
		"422 in a 200": {200, `{"Status":422,"Title":"no"}`, failure.Rejected, 422},
		"404 in a 200": {200, `{"Status":404,"Title":"no"}`, failure.NotFound, 404},
		"422 in a 404": {404, `{"Status":422,"Title":"no"}`, failure.Rejected, 422},
		"422 in a 400": {400, `{"Status":422,"Title":"no"}`, failure.Rejected, 422},
		"404 in a 502": {502, `{"Status":404,"Title":"no"}`, failure.Unavailable, 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, answer(c.status, c.body))
			err := client(t, s.URL).Once().Delete(context.Background(), userservice.AsAdmin(), device)
			if f := failure.From(err); f.Code != c.code || f.Status != c.says {
				t.Errorf("%s, %d: %v", f.Code, f.Status, err)
			}
		})
	}
}

// The portal host writes its envelope in camel case, and there that is the service's own word.
func TestThePortalWritesCamelCase(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]failure.Code{
		`{"status":403,"title":"no"}`: failure.Unauthorized,
		`{"Status":403,"Title":"no"}`: failure.Unavailable,
		`<html>`:                      failure.Unavailable,
	} {
		s := serve(t, answer(403, body))
		c := client(t, s.URL, func(o *userservice.Options) { o.PortalURL = s.URL })
		if _, err := c.Once().Permissions(context.Background(), userservice.AsAdmin()); failure.CodeOf(err) != code {
			t.Errorf("%s: %v", body, err)
		}
	}
}

const other = "11111111-2222-4333-8444-555555555555"

// An answer about another subject is refused, whatever it says.
func TestAnAnswerAboutSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	theirs := `{"Result":{"DeviceToken":"` + other + `","AccessToken":{"Token":"` + jwt +
		`","ExpiresIn":1},"RefreshToken":"r"},"Status":200,"Title":""}`
	ctx, self := context.Background(), userservice.AsUser(device, instance)
	for name, send := range map[string]func(*userservice.Client) error{
		"sign in": func(c *userservice.Client) error { _, err := c.SignInUser(ctx, instance, device); return err },
		"refresh": func(c *userservice.Client) error {
			_, err := c.Refresh(ctx, userservice.Pair{DeviceToken: device})
			return err
		},
		"profile": func(c *userservice.Client) error { _, err := c.OwnProfile(ctx, self); return err },
		"update":  func(c *userservice.Client) error { return c.Update(ctx, userservice.AsAdmin(), device, field.Set{}) },
		"delete":  func(c *userservice.Client) error { return c.Delete(ctx, userservice.AsAdmin(), device) },
		"move":    func(c *userservice.Client) error { return c.Move(ctx, userservice.AsAdmin(), device, instance) },
		"join":    func(c *userservice.Client) error { return c.JoinByCode(ctx, self, "code") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, answer(200, theirs))
			if err := send(client(t, s.URL)); !failure.HasReason(err, userservice.ReasonWrongSubject) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("register", func(t *testing.T) {
		s := serve(t, answer(200, theirs))
		done, err := register(client(t, s.URL), user(t, map[string]string{"CustomToken": device}))
		if err != nil || !done.IgnoresCustomToken || done.DeviceToken != other {
			t.Errorf("%+v, %v", done, err)
		}
	})
	t.Run("find", func(t *testing.T) {
		s := serve(t, answer(200,
			`{"Result":[{"DeviceToken":"`+other+`"},{"DeviceToken":"8F14E45FCEEA467F8B3E2C1D6E5B9A70"}],"Status":200}`))
		found, err := client(t, s.URL).Find(ctx, userservice.AsAdmin(), userservice.FindQuery{DeviceToken: device})
		if err != nil || len(found) != 1 || found[0].DeviceToken != device {
			t.Errorf("%+v, %v", found, err)
		}
	})
}

// A token that cannot be sent in a header, or would move a cursor, is refused where it arrives.
func TestATokenThatCannotBeSentIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`a\nb`, `a\u001b[2J`, `a b`, `\u00e9`, `a\u202e`, `\u0000`, `a\r\nX-Evil: 1`} {
		for _, pair := range []string{
			`"AccessToken":{"Token":"` + bad + `","ExpiresIn":1},"RefreshToken":"r"`,
			`"AccessToken":{"Token":"` + jwt + `","ExpiresIn":1},"RefreshToken":"` + bad + `"`,
		} {
			s := serve(t, answer(200, `{"Result":{"DeviceToken":"`+device+`",`+pair+`},"Status":200,"Title":""}`))
			c := client(t, s.URL)
			_, err := c.SignInUser(context.Background(), instance, device)
			if !failure.HasReason(err, userservice.ReasonMalformedToken) || !failure.MayHaveApplied(err) {
				t.Errorf("sign-in with %s: %v", bad, err)
			}
			if done, err := register(c, field.Set{}); !failure.HasReason(err,
				userservice.ReasonMalformedToken) || done.Pair != nil {
				t.Errorf("registration with %s: %v", bad, err)
			}
		}
	}
}
