package config

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// A Change is a new value of one key of a profile in the file (a string or a bool); nil removes the
// key.
type Change struct {
	Key   string
	Value any
}

// lockLimit is how long a change of the file waits for other processes'.
const lockLimit = 10 * time.Second

// Exists is the error for a new profile of a name that is taken.
func Exists(name string) error {
	return invalid(ReasonProfileExists, name, "profile "+strconv.Quote(name)+" exists already")
}

// AddProfile writes a new profile into the file, or the given settings over an old one's where
// replace is set; the rest of the file stays as it is, comments included. The first profile of a
// file becomes its current one.
func (c *Config) AddProfile(ctx context.Context, name string, changes []Change, replace bool) error {
	return c.edit(ctx, func(top *yaml.Node) error {
		profiles := member(top, "profiles", true)
		p := member(profiles, name, false)
		if p != nil && !replace {
			return Exists(name)
		}
		p = member(profiles, name, true)
		for _, s := range changes {
			if s.Value == nil {
				remove(p, s.Key)
				continue
			}
			set(p, s.Key, s.Value)
		}
		if member(top, "current_profile", false) == nil {
			set(top, "current_profile", name)
		}
		return nil
	})
}

// UseProfile makes a profile the current one. The built-in one can be it too.
func (c *Config) UseProfile(ctx context.Context, name string) error {
	return c.edit(ctx, func(top *yaml.Node) error {
		if name != SandboxProfile && member(member(top, "profiles", true), name, false) == nil {
			return noProfile(name)
		}
		set(top, "current_profile", name)
		return nil
	})
}

// RemoveProfile takes a profile out of the file; where it was the current one, the file has none
// then.
func (c *Config) RemoveProfile(ctx context.Context, name string) error {
	return c.edit(ctx, func(top *yaml.Node) error {
		if !remove(member(top, "profiles", true), name) {
			return noProfile(name)
		}
		if current := member(top, "current_profile", false); current != nil && current.Value == name {
			remove(top, "current_profile")
		}
		return nil
	})
}

// edit changes the file as YAML nodes, which keep its comments and its order, under a lock between
// processes, by rename, with mode 0600.
func (c *Config) edit(ctx context.Context, change func(top *yaml.Node) error) error {
	lockPath := filepath.Join(c.StateDir, "config.lock")
	release, err := filelock.Acquire(ctx, lockPath, lockLimit)
	if err != nil {
		return atomicfile.Failure(failure.Failed, "the configuration file cannot be locked", lockPath, err)
	}
	defer release()

	var doc yaml.Node
	old, err := os.ReadFile(c.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.unreadable(err)
	}
	if err := yaml.Unmarshal(old, &doc); err != nil {
		return c.broken(err.Error())
	}
	if len(doc.Content) == 0 { // nothing, or comments alone
		doc = yaml.Node{Kind: yaml.DocumentNode, HeadComment: strings.TrimSpace(string(old)),
			Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	if doc.Content[0].Kind != yaml.MappingNode {
		return c.broken("the file must be a mapping")
	}
	if err := change(doc.Content[0]); err != nil {
		return err
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&doc), e.Close()); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(c.Path, b.Bytes(), 0o600); err != nil {
		return atomicfile.Failure(failure.Failed, "configuration file "+c.Path+" cannot be written", c.Path, err)
	}
	return nil
}

// member finds a member of a mapping; create makes an empty mapping where it is not there.
func member(mapping *yaml.Node, name string, create bool) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			value := mapping.Content[i+1]
			if create && value.Kind != yaml.MappingNode {
				*value = yaml.Node{Kind: yaml.MappingNode}
			}
			return value
		}
	}
	if !create {
		return nil
	}
	value := &yaml.Node{Kind: yaml.MappingNode}
	mapping.Content = append(mapping.Content, scalar(name), value)
	return value
}

func set(mapping *yaml.Node, name string, value any) {
	v := scalar(value)
	if old := member(mapping, name, false); old != nil {
		v.LineComment, v.HeadComment, v.FootComment = old.LineComment, old.HeadComment, old.FootComment
		*old = *v
		return
	}
	mapping.Content = append(mapping.Content, scalar(name), v)
}

// scalar is a node that reads back as the same string or bool: a string that looks like something
// else is quoted.
func scalar(value any) *yaml.Node {
	var n yaml.Node
	_ = n.Encode(value) // a string or a bool always encodes
	return &n
}

func remove(mapping *yaml.Node, name string) bool {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			mapping.Content = append(mapping.Content[:i], mapping.Content[i+2:]...)
			return true
		}
	}
	return false
}
