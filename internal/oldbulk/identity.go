package job

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// Identity is the ID of the job of a file, or of a quantity run that has a name: the same for the same instance, content and options that change what
// is sent; another for anything else.
func Identity(s journal.Spec) (string, error) {
	if s.File == nil && (s.Quantity == nil || !s.Quantity.Named) {
		return "", fmt.Errorf("a job without a file or a name has no identity but its own")
	}
	what := struct {
		Host, Instance                              string
		File                                        journal.File
		Given                                       map[string]string
		NoValidate, CreateAccessToken, ServerTokens bool
		Quantity                                    *journal.Quantity `json:",omitempty"`
		Rows                                        int               `json:",omitempty"`
	}{Host: s.Host, Instance: s.Instance, Given: s.Given, NoValidate: s.NoValidate, CreateAccessToken: s.CreateAccessToken, ServerTokens: s.ServerTokens}
	if s.File != nil {
		what.File = *s.File
		what.File.Path, what.File.Stdin, what.File.IgnoreUnknown = "", false, false // where the content came from changes nothing
	} else {
		what.Quantity, what.Rows = s.Quantity, s.Rows
	}
	text, err := json.Marshal(what)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum(nil, "telematicsctl job 1", string(text))[:6]), nil
}
