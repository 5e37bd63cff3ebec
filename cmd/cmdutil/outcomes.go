package cmdutil

import "github.com/telematicsctl/telematicsctl/internal/render"

// OutcomeStyle returns how an outcome stands out on a terminal.
func OutcomeStyle(outcome string) render.Style {
	switch outcome {
	case "failed", "broken":
		return render.Bad
	case "unknown", "stale", "confirmed", "warning", "left":
		return render.Warn
	case "created", "updated", "deleted", "moved", "restored", "good", "ok":
		return render.Good
	case "unchanged", "existing", "planned":
		return render.Faint
	}
	return render.Plain
}
