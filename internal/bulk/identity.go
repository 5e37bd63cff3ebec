package bulk

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/bulk/journal"
)

// Identity is the ID of the job of a file: the same for the same instance, content and options that change what is sent; another for
// anything else.
func Identity(s journal.Spec) (string, error) {
	if s.File == nil {
		return "", fmt.Errorf("a job without a file has no identity but its own")
	}
	f := *s.File
	f.Path, f.Stdin, f.IgnoreUnknown = "", false, false // where the content came from changes nothing
	text, err := json.Marshal(struct {
		Host, Instance                              string
		File                                        journal.File
		Given                                       map[string]string
		NoValidate, CreateAccessToken, ServerTokens bool
	}{s.Host, s.Instance, f, s.Given, s.NoValidate, s.CreateAccessToken, s.ServerTokens})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum(nil, "telematicsctl job 1", string(text))[:6]), nil
}
