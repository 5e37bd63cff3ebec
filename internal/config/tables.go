package config

import (
	"fmt"
	"strings"
)

// KeyTable is the table of keys in docs/configuration.md, as Markdown.
func KeyTable() string {
	var b strings.Builder
	b.WriteString("| key | variable | value | default | meaning |\n|---|---|---|---|---|\n")
	for _, s := range Settings {
		if s.Key != "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Key, code(s.Variable), s.Kind, s.Default, s.Help)
		}
	}
	return b.String()
}

// VariableTable is the table of the other variables in docs/configuration.md, as Markdown.
func VariableTable() string {
	var b strings.Builder
	b.WriteString("| variable | value | default | meaning |\n|---|---|---|---|\n")
	for _, s := range Settings {
		if s.Key == "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Variable, s.Kind, s.Default, s.Help)
		}
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// HelpText lists every variable in lines of at most 80 columns, for the help on the environment.
func HelpText() string {
	var b strings.Builder
	for _, s := range Settings {
		if s.Variable != "" {
			fmt.Fprintf(&b, "  %s\n      %s\n", s.Variable, strings.ReplaceAll(s.Help, "`", ""))
		}
	}
	return b.String()
}
