package cmdutil

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// An Effect is what a command may do, besides printing. Each command says its own in one
// annotation: `commands` lists them, and tests hold commands to them.
type Effect string

// The effects.
const (
	// Changes: something at the service, in the configuration, in the token store or in the state
	// folder is not as before. Tokens that are renewed on the way do not count.
	Changes Effect = "changes"
	// SignsIn: it acts signed in, as the admin or as a user.
	SignsIn Effect = "signs-in"
	// Deletes: what it removes is gone. An agent needs --confirm.
	Deletes Effect = "deletes"
)

const effectAnnotation = "telematicsctl_effect"

// Effects is the annotation of a command that has these effects; of none where there is none.
func Effects(effects ...Effect) map[string]string {
	words := make([]string, len(effects))
	for i, e := range effects {
		words[i] = string(e)
	}
	return map[string]string{effectAnnotation: strings.Join(words, " ")}
}

// HasEffect reports whether a command has an effect.
func HasEffect(c *cobra.Command, e Effect) bool {
	return slices.Contains(strings.Fields(c.Annotations[effectAnnotation]), string(e))
}

// SaysItsEffects reports whether a command has the annotation.
func SaysItsEffects(c *cobra.Command) bool {
	_, ok := c.Annotations[effectAnnotation]
	return ok
}
