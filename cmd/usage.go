package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

// wrongUsage puts what the libraries find wrong with a command line into the program's
// own words: the flag or the argument, its value, and what would be right.
func wrongUsage(c *cobra.Command, err error) error {
	if isFailure(err) {
		return err
	}
	if words := c.Flags().Args(); c.HasAvailableSubCommands() && len(words) > 0 {
		return noSuchCommand(c, words[0]) // its flags are unknown because it is
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		if near := nearestFlag(c, unknown.GetSpecifiedName()); near != "" {
			return failure.New(failure.Invalid, flagText(err)).WithHint("did you mean " + near + "?")
		}
		return failure.New(failure.Invalid, flagText(err)).WithHint(hintOfFlag(c, unknown.GetSpecifiedName()))
	}
	return invalidUsage(c, flagText(err))
}

func invalidUsage(c *cobra.Command, message string) error {
	return failure.New(failure.Invalid, message).WithHint("see `" + c.CommandPath() + " --help`")
}

// mostFlags is how many flags, or commands with one, a hint names.
const mostFlags = 6

// hintOfFlag says which variable sets what a flag that a command has not would set, or which
// commands have it; else which flags this one has, where these are few.
func hintOfFlag(c *cobra.Command, name string) string {
	help := "`" + c.CommandPath() + " --help`"
	for _, s := range config.Settings {
		if s.Variable != "" && s.Key == strings.ReplaceAll(name, "-", "_") {
			return "set " + s.Variable + ", or " + s.Key + " in the configuration; see " + help
		}
	}
	var others []string
	var look func(*cobra.Command)
	look = func(other *cobra.Command) {
		if f := other.LocalNonPersistentFlags().Lookup(name); f != nil && !f.Hidden && !other.Hidden {
			others = append(others, other.CommandPath())
		}
		for _, sub := range other.Commands() {
			look(sub)
		}
	}
	if look(c.Root()); len(others) > 0 {
		shown := strings.Join(others[:min(len(others), mostFlags)], ", ")
		if len(others) > mostFlags {
			shown += " and others"
		}
		return "--" + name + " is a flag of " + shown + "; see " + help
	}
	var own []string
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			own = append(own, "--"+f.Name)
		}
	})
	if len(own) == 0 || len(own) > mostFlags {
		return "see " + help
	}
	return "this command has " + strings.Join(own, ", ") + "; see " + help
}

// nearestFlag returns the flag of a command whose name is like a misspelled one; "" where none is.
func nearestFlag(c *cobra.Command, name string) string {
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := nearest.Of(name, known); near != "" {
		return "--" + near
	}
	return ""
}

func flagText(err error) string {
	var value *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &value) && cmdutil.IsEmptyOrTwice(value.Unwrap()):
		return "--" + value.GetFlag().Name + ": " + value.Unwrap().Error()
	case errors.As(err, &value):
		return fmt.Sprintf("--%s: %s %s", value.GetFlag().Name, shortened(value.GetValue()), valueText(value))
	case errors.As(err, &missing):
		return "--" + missing.GetFlag().Name + ": requires a value"
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return "unknown flag: -" + unknown.GetSpecifiedName()
	case errors.As(err, &syntax):
		return "invalid flag " + shortened(syntax.GetSpecifiedFlag())
	default:
		return err.Error()
	}
}

// valueText says what the value of a flag is not.
func valueText(e *pflag.InvalidValueError) string {
	switch kind := e.GetFlag().Value.Type(); {
	case errors.Is(e, strconv.ErrRange):
		return "is out of range"
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "is not an integer"
	case strings.HasPrefix(kind, "float"):
		return "is not a number"
	case kind == "bool":
		return "must be true or false"
	case kind == "duration":
		return "is not a duration (such as 500ms, 30s or 5m)"
	default:
		return "is not valid: " + e.Unwrap().Error()
	}
}

// longestShown is how many characters of a wrong value an error shows.
const longestShown = 80

// shortened is a value in quotes, cut to a length that can be read.
func shortened(value string) string {
	if r := []rune(value); len(r) > longestShown {
		value = string(r[:longestShown]) + "…"
	}
	return strconv.QuoteToGraphic(value)
}

// exclusive is cobra's own name of the annotation by which MarkFlagsMutuallyExclusive
// leaves its groups at each of their flags.
const exclusive = "cobra_annotation_mutually_exclusive"

// checkUsage holds a command line against what the command asks for, before cobra does so
// in words of its own.
func checkUsage(c *cobra.Command, args []string, allowed cobra.PositionalArgs) error {
	if err := allowed(c, args); err != nil {
		if isFailure(err) {
			return err
		}
		return invalidUsage(c, argsText(c, args, allowed))
	}
	var text string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if text != "" {
			return
		}
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			text = "--" + f.Name + " is required"
		}
		for _, group := range f.Annotations[exclusive] {
			if given := givenOf(c, strings.Fields(group)); len(given) > 1 {
				text = strings.Join(given, " and ") + " exclude each other"
			}
		}
	})
	if text != "" {
		return invalidUsage(c, text)
	}
	return nil
}

func givenOf(c *cobra.Command, names []string) []string {
	var given []string
	for _, name := range names {
		if c.Flags().Changed(name) {
			given = append(given, "--"+name)
		}
	}
	slices.Sort(given)
	return given
}

// argsText says which argument is unexpected, or that one is missing.
func argsText(c *cobra.Command, args []string, allowed cobra.PositionalArgs) string {
	for most := len(args) - 1; most >= 0; most-- {
		if allowed(c, args[:most]) == nil {
			return "unexpected argument " + shortened(args[most])
		}
	}
	return "missing argument: the command is " + form(c)
}

// form returns how a command is written.
func form(c *cobra.Command) string {
	if c.HasParent() {
		return c.Parent().CommandPath() + " " + c.Use
	}
	return c.Use
}

// usage classifies an error that was made before any command ran.
func usage(root *cobra.Command, args []string, err error) error {
	c, _, findErr := root.Find(args)
	if findErr != nil || c == nil {
		c = root
	}
	return wrongUsage(c, err)
}

func noSuchCommand(c *cobra.Command, word string) error {
	e := failure.Newf(failure.Invalid, "unknown command %s for %s", shortened(word), c.CommandPath())
	var known []string
	for _, child := range c.Commands() {
		if child.IsAvailableCommand() {
			known = append(known, child.Name())
		}
	}
	if near := nearest.Of(word, known); near != "" {
		return e.WithHint("did you mean " + near + "?")
	}
	return e.WithHint("see `" + c.CommandPath() + " --help`")
}

// checkHelp lets "help" fail where the command that it is asked about is none.
func checkHelp(root *cobra.Command) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		c, rest, err := root.Find(args)
		if err == nil && c != nil && len(rest) > 0 && (c == root || c.HasSubCommands()) {
			return noSuchCommand(c, rest[0])
		}
		return nil
	}
}
