package config

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/viper"
)

// values finds the value of a key, and remembers where it came from.
type values struct {
	layers  *viper.Viper
	sources map[string]string
}

// newValues lays the environment over a profile of the file over the defaults. viper
// keeps the layers and nothing else: it is given texts, as it would read the key 00123 as
// a number, and neither reads nor writes the file, whose lines it does not know.
func newValues(file fileProfile, getenv func(string) string) values {
	v := values{viper.New(), map[string]string{}}
	fromFile := map[string]any{}
	for key, value := range file {
		if value != "" {
			fromFile[key] = withoutLineEnd(value)
		}
	}
	_ = v.layers.MergeConfigMap(fromFile) // a flat map of texts merges
	for _, s := range Settings {
		if s.Key == "" || s.Top {
			continue
		}
		v.sources[s.Key] = SourceDefault
		switch s.Kind {
		case kindBool, kindDays, kindStore:
			v.layers.SetDefault(s.Key, s.Default)
		}
		if v.layers.InConfig(s.Key) {
			v.sources[s.Key] = SourceFile
		}
		if value := s.fromEnvironment(getenv); value != "" {
			v.layers.Set(s.Key, value)
			v.sources[s.Key] = s.Variable
		}
	}
	return v
}

func (s Setting) fromEnvironment(getenv func(string) string) string {
	if s.Variable == "" {
		return ""
	}
	value := withoutLineEnd(getenv(s.Variable))
	if !s.Secret() {
		value = strings.TrimSpace(value)
	}
	return value
}

func (v values) get(key string) string { return settingOf(key).normal(v.layers.GetString(key)) }

// check returns an error for a value of the file that breaks the setting's rule; UUIDs, which a
// profile may lack, are checked with the profile.
func (s Setting) check(value string) error {
	if value == "" {
		return nil
	}
	switch s.Kind {
	case kindBool:
		if s.normal(value) == "" {
			return errors.New("must be on or off, not " + strconv.Quote(value))
		}
	case kindDays:
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 36500 {
			return errors.New("must be a number of days from 1 on, not " + strconv.Quote(value))
		}
	}
	return nil
}

// normal is a value in its one form.
func (s Setting) normal(value string) string {
	if s.Kind != kindBool {
		return value
	}
	switch strings.ToLower(value) {
	case "on", "yes", "true", "y", "1":
		return "on"
	case "off", "no", "false", "n", "0":
		return "off"
	default:
		return ""
	}
}
