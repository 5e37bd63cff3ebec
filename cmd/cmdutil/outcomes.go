package cmdutil

import "github.com/telematicsctl/telematicsctl/internal/render"

// OutcomeColumn is the column of an outcome, which stands out by what it is.
func OutcomeColumn[T any](outcome func(T) string) render.Column[T] {
	return render.Column[T]{
		Head: "OUTCOME", Name: "Outcome",
		Style: func(v T) render.Style { return OutcomeStyle(outcome(v)) },
		Cell:  func(v T) any { return outcome(v) },
	}
}

// OutcomeStyle returns how an outcome or a state stands out on a terminal.
func OutcomeStyle(outcome string) render.Style {
	switch outcome {
	case "failed", "broken", "damaged":
		return render.Bad
	case "unknown", "stale", "confirmed", "warning", "left", "stopped":
		return render.Warn
	case "created", "updated", "deleted", "moved", "restored", "good", "ok", "finished":
		return render.Good
	case "unchanged", "existing", "planned", "replaced":
		return render.Faint
	}
	return render.Plain
}
