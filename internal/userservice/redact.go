package userservice

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// secretMembers are the JSON members, in lower case, that hold secrets in what is sent or
// answered. Key is the InstanceKey of an instance (live).
var secretMembers = map[string]bool{
	"token": true, "accesstoken": true, "refreshtoken": true, "password": true, "oldpassword": true, "newpassword": true,
	"instancekey": true, "toinstancekey": true, "key": true,
}

// secretText finds what looks like a secret member in a text that is not one JSON document.
var secretText = lazyregexp.New(`(?i)("(?:access|refresh)?token"|"(?:to)?(?:instance)?key"|` +
	`"(?:old|new)?password")\s*:\s*"[^"]*"?`)

// redactBody returns an answer without secrets: neither the values of secret members nor
// what the call itself was sent with.
func (cl *call) redactBody(body []byte) []byte {
	if text, ok := redactJSON(body); ok {
		body = text
	} else {
		body = secretText.Get().ReplaceAll(body, []byte(`$1:"`+secret.Redacted+`"`))
	}
	return []byte(cl.redact(string(body)))
}

// redactJSON returns one JSON document, compact, with the values of all secret members
// replaced; false for anything else. The Key of an entry in Errors is the name of a
// field.
func redactJSON(body []byte) ([]byte, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var out bytes.Buffer
	err := redactValue(d, &out, "", "")
	return out.Bytes(), err == nil && !d.More()
}

// redactValue copies the next value. name is the member that it is of, inside the member
// that holds it.
func redactValue(d *json.Decoder, out *bytes.Buffer, name, within string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return redactObject(d, out, name)
	case json.Delim('['):
		out.WriteByte('[')
		for i := 0; d.More(); i++ {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := redactValue(d, out, name, within); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		_, err := d.Token()
		return err
	}
	if text, ok := t.(string); ok && text != "" && isSecret(name, within) {
		t = secret.Redacted
	}
	return writeJSON(out, t)
}

func redactObject(d *json.Decoder, out *bytes.Buffer, within string) error {
	out.WriteByte('{')
	for i := 0; d.More(); i++ {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		name, _ := key.(string)
		if err := writeJSON(out, name); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := redactValue(d, out, name, within); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	_, err := d.Token()
	return err
}

func isSecret(name, within string) bool {
	name = strings.ToLower(name)
	return secretMembers[name] && (name != "key" || !strings.EqualFold(within, "Errors"))
}

func writeJSON(out *bytes.Buffer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	out.Truncate(max(out.Len()-1, 0)) // the line's end
	return err
}
