package cmdutil

import "strconv"

// Count is a number with its noun: 1 row, 2 rows.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// Are is the verb that goes with a number.
func Are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
