package cmdutil

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Annotations of flags and commands.
const (
	groupAnnotation  = "telematicsctl_flag_group"
	groupsAnnotation = "telematicsctl_flag_groups"
	emptyAnnotation  = "telematicsctl_empty_allowed"
	wordsAnnotation  = "telematicsctl_words"
	listAnnotation   = "telematicsctl_words_of_list"
)

// GroupFlags puts flags of a command under a title of their own in its help; groups are
// shown in the order of the calls.
func GroupFlags(c *cobra.Command, title string, names ...string) {
	for _, name := range names {
		annotate(c.Flags().Lookup(name), groupAnnotation, title)
	}
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	if groups := FlagGroups(c); !slices.Contains(groups, title) {
		c.Annotations[groupsAnnotation] = strings.Join(append(groups, title), "\n")
	}
}

// FlagGroup returns the title of a flag's group; "" for none.
func FlagGroup(f *pflag.Flag) string {
	if title := f.Annotations[groupAnnotation]; len(title) > 0 {
		return title[0]
	}
	return ""
}

// FlagGroups lists the titles of a command's groups of flags, in their order.
func FlagGroups(c *cobra.Command) []string {
	if c.Annotations[groupsAnnotation] == "" {
		return nil
	}
	return strings.Split(c.Annotations[groupsAnnotation], "\n")
}

// AllowEmpty lets a flag be given with an empty value, which clears a field.
func AllowEmpty(f *pflag.Flag) {
	annotate(f, emptyAnnotation, "true")
}

// CompleteWords completes a flag with words, and CompleteList one that takes several, or more
// behind a word. They are said on the flag and handed to Cobra only where a shell completes: it
// keeps what it is handed for as long as the process lives.
func CompleteWords(c *cobra.Command, flag string, words ...string) {
	annotate(c.Flag(flag), wordsAnnotation, words...)
}

// CompleteList is CompleteWords without a space behind a word.
func CompleteList(c *cobra.Command, flag string, words ...string) {
	annotate(c.Flag(flag), listAnnotation, words...)
}

func annotate(f *pflag.Flag, name string, values ...string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[name] = values
}

// AddColumns makes the flag --columns of a command that prints a table; names are what
// completion offers.
func AddColumns(c *cobra.Command, k *App, names []string) {
	c.Flags().StringSliceVar(&k.Flags.Columns, "columns", nil, "print these `columns` of the table, in this order")
	CompleteList(c, "columns", names...)
}

var (
	errEmpty = errors.New("must not be empty")
	errTwice = errors.New("given twice")
)

// strictValue is the value of a flag that takes one value: an empty one is an error, and
// so is a second.
type strictValue struct {
	pflag.Value
	mayBeEmpty bool
	given      bool
}

func (v *strictValue) Set(text string) error {
	switch {
	case v.given:
		return errTwice
	case text == "" && !v.mayBeEmpty:
		return errEmpty
	}
	v.given = true
	return v.Value.Set(text)
}

// MakeStrict makes every single-valued flag of a set strict: a flag that is given empty,
// or twice, is an error and never "not given".
func MakeStrict(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		kind := f.Value.Type()
		if _, done := f.Value.(*strictValue); done || strings.HasSuffix(kind, "Slice") ||
			strings.HasSuffix(kind, "Array") || kind == "count" {
			return
		}
		f.Value = &strictValue{Value: f.Value, mayBeEmpty: len(f.Annotations[emptyAnnotation]) > 0}
	})
}

// IsEmptyOrTwice reports whether a flag was refused by MakeStrict's rule, whose own text
// says it all.
func IsEmptyOrTwice(err error) bool { return errors.Is(err, errEmpty) || errors.Is(err, errTwice) }
