package userservice

import "testing"

func TestSecretsAreRedactedWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"a pair": {`{"Result":{"AccessToken":{"Token":"x","ExpiresIn":5},"RefreshToken":"y"}}`,
			`{"Result":{"AccessToken":{"Token":"[redacted]","ExpiresIn":5},"RefreshToken":"[redacted]"}}`},
		"keys in a list": {`{"Result":[{"Id":"1","Key":"k"},{"key":"k"}]}`,
			`{"Result":[{"Id":"1","Key":"[redacted]"},{"key":"[redacted]"}]}`},
		"a list of secrets": {`{"Token":["a","b"]}`, `{"Token":["[redacted]","[redacted]"]}`},
		"the name of a field": {`{"Errors":[{"Key":"Email","Message":"no"}]}`,
			`{"Errors":[{"Key":"Email","Message":"no"}]}`},
		"no secret": {`{"DeviceToken":"d","RefreshToken":null,"N":12345678901234567890}`,
			`{"DeviceToken":"d","RefreshToken":null,"N":12345678901234567890}`},
		"not JSON":               {"<html>", "<html>"},
		"JSON with a tail":       {`{"Token": "x"} tail`, `{"Token":"[redacted]"} tail`},
		"cut off":                {`{"Result":{"RefreshToken":"y`, `{"Result":{"RefreshToken":"[redacted]"`},
		"members keep their way": {`{"b":1,"a":2}`, `{"b":1,"a":2}`},
	} {
		if got := string(new(call).redactBody([]byte(c.body))); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
