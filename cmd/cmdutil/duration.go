package cmdutil

import (
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// ParseDuration reads a duration as Go writes it, or whole days or weeks: 90m, 36h, 7d,
// 2w. It must be positive.
func ParseDuration(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			if n, err := strconv.ParseUint(number, 10, 16); err == nil && n > 0 {
				return time.Duration(n) * unit, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, failure.Newf(failure.Invalid, "%q is not a duration (such as 90m, 36h or 7d)", text)
	}
	return d, nil
}
