package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/nearest"
)

// fileProfile is a profile as the file has it: key → value.
type fileProfile map[string]string

var nameShape = lazyregexp.New(`^[a-z0-9_-]+$`)

// CheckName returns an error for a name that no profile may have; it names the nearest valid one.
func CheckName(name string) error {
	if nameShape.MatchString(name) {
		return nil
	}
	right := strings.Trim(regexp.MustCompile(`[^a-z0-9_-]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")
	message := "invalid profile name " + strconv.Quote(name) + ": use a-z, 0-9, _ and -"
	if right != "" {
		message += " (did you mean " + strconv.Quote(right) + "?)"
	}
	return invalid(ReasonProfileName, right, message)
}

// read fills c from the file at c.Path.
func (c *Config) read(mustExist bool) error {
	data, err := os.ReadFile(c.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !mustExist:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return invalid(ReasonNoFile, c.Path, "configuration file "+c.Path+" does not exist")
	case err != nil:
		return c.unreadable(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return c.broken(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	c.Found, c.profiles = true, map[string]fileProfile{}
	if len(doc.Content) == 0 {
		return nil // nothing, or comments alone
	}
	c.readTop(doc.Content[0])
	if len(c.mistakes) > 0 {
		return c.broken(strings.Join(c.mistakes, "; "))
	}
	return c.checkAccess()
}

func (c *Config) readTop(top *yaml.Node) {
	for _, m := range c.members(top, "the file") {
		switch m.name.Value {
		case "current_profile":
			if m.value.Kind != yaml.ScalarNode {
				c.mistake(m.value, "current_profile must be a profile name")
			}
			c.Current = text(m.value)
		case "profiles":
			c.readProfiles(m.value)
		default:
			c.mistake(m.name, unknownKey(m.name.Value, []string{"current_profile", "profiles"}))
		}
	}
}

func (c *Config) readProfiles(node *yaml.Node) {
	for _, m := range c.members(node, "profiles") {
		name := m.name.Value
		if err := CheckName(name); err != nil {
			c.mistake(m.name, err.Error())
		}
		if name == SandboxProfile {
			c.mistake(m.name, "the profile sandbox is built in and cannot be set: give yours another name")
		}
		c.profiles[name] = c.readProfile(name, m.value)
	}
}

func (c *Config) readProfile(name string, node *yaml.Node) fileProfile {
	p := fileProfile{}
	for _, m := range c.members(node, "profile "+name) {
		key := m.name.Value
		s := settingOf(key)
		switch {
		case s == nil || s.Key == "":
			c.mistake(m.name, "profile "+name+": "+unknownKey(key, profileKeys()))
			continue
		case m.value.Kind != yaml.ScalarNode:
			c.mistake(m.value, "profile "+name+": "+key+" must be a single value")
			continue
		}
		p[key] = text(m.value)
		if err := s.check(p[key]); err != nil {
			c.mistake(m.value, "profile "+name+": "+key+": "+err.Error())
		}
	}
	return p
}

// mapEntry is one member of a mapping.
type mapEntry struct{ name, value *yaml.Node }

// members returns the members of a mapping, of which none may come twice; none of a null.
func (c *Config) members(node *yaml.Node, what string) (list []mapEntry) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		c.mistake(node, what+" must be a mapping")
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		m := mapEntry{node.Content[i], node.Content[i+1]}
		for m.value.Kind == yaml.AliasNode {
			m.value = m.value.Alias
		}
		if seen[m.name.Value] {
			c.mistake(m.name, strconv.Quote(m.name.Value)+" is given twice")
			continue
		}
		seen[m.name.Value] = true
		list = append(list, m)
	}
	return list
}

// text is a scalar as it is written; "" for a null.
func text(node *yaml.Node) string {
	if node.Tag == "!!null" {
		return ""
	}
	return node.Value
}

func profileKeys() (keys []string) {
	for _, s := range Settings {
		if s.Key != "" && !s.Top {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// unknownKey is what is said of a key that nobody reads. It is an error, not a warning: a
// misspelled `protected` must not go unnoticed.
func unknownKey(key string, known []string) string {
	message := "unknown key " + strconv.Quote(key)
	if like := nearest.Of(key, known); like != "" {
		return message + " (did you mean " + like + "?)"
	}
	return message + ": known are " + strings.Join(known, ", ")
}

func (c *Config) broken(why string) error {
	return invalid(ReasonInvalidFile, c.Path,
		"configuration file "+c.Path+" is invalid: "+strings.Join(strings.Fields(why), " "))
}

// mistake notes what is wrong at a place, so that one reading of the file tells all.
func (c *Config) mistake(node *yaml.Node, why string) {
	c.mistakes = append(c.mistakes, "line "+strconv.Itoa(node.Line)+": "+why)
}

func (c *Config) unreadable(err error) error {
	_, why := atomicfile.Classify(err)
	e := failure.New(failure.Invalid, "configuration file "+c.Path+" cannot be read: "+why)
	e.Cause = err
	return e.Because(ReasonUnreadable, c.Path)
}

// checkAccess warns of a file with a key that others can read, and refuses one with a command that
// others can write: it would be run as this user.
func (c *Config) checkAccess() error {
	holdsKey, runs := false, false
	for _, p := range c.profiles {
		holdsKey = holdsKey || p["instance_key"] != "" || p["identity_key"] != ""
		for _, s := range Settings {
			runs = runs || s.Kind == kindCommand && p[s.Key] != ""
		}
	}
	info, err := os.Stat(c.Path)
	if err != nil || runtime.GOOS == "windows" {
		return nil //nolint:nilerr // it was just read
	}
	if runs {
		if who := foreignWriters(c.Path, info); who != "" {
			return invalid(ReasonForeignWriters, c.Path, "configuration file "+c.Path+" runs a command and "+who)
		}
	}
	if holdsKey && info.Mode().Perm()&0o044 != 0 {
		c.Warnings = append(c.Warnings, "configuration file "+c.Path+
			" holds a key and can be read by others: run `chmod 600 "+c.Path+"`, or store the key in the keyring")
	}
	return nil
}

// Exposure reports whether others can read the file, and says who else may write or replace it; ""
// for nobody.
func (c *Config) Exposure() (readable bool, writers string) {
	info, err := os.Stat(c.Path)
	if err != nil || runtime.GOOS == "windows" {
		return false, ""
	}
	return info.Mode().Perm()&0o044 != 0, foreignWriters(c.Path, info)
}

// KeysInFile names the keys that the file holds in the clear: "instance_key of profile prod".
func (c *Config) KeysInFile() (names []string) {
	for _, name := range c.Names() {
		for _, s := range Settings {
			if s.Secret() && s.Key != "" && c.profiles[name][s.Key] != "" {
				names = append(names, s.Key+" of profile "+name)
			}
		}
	}
	return names
}

// foreignWriters says who else may write or replace the file; "" for nobody.
func foreignWriters(path string, info fs.FileInfo) string {
	switch {
	case info.Mode().Perm()&0o022 != 0:
		return "can be written by others"
	case !isOursOrRoots(info):
		return "belongs to another user"
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	dir, err := os.Stat(filepath.Dir(real))
	if err == nil && dir.Mode().Perm()&0o002 != 0 && dir.Mode()&fs.ModeSticky == 0 {
		return "is in a folder that can be written by others"
	}
	return ""
}
