package doctor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/config"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// writeBundle writes the report for a ticket: what doctor found, which settings and variables are
// set, and nothing that is secret or names a person.
func (m *machine) writeBundle(ctx context.Context, name string, r report) error {
	k := m.app
	var b bytes.Buffer
	fmt.Fprintf(&b, "# telematicsctl doctor\n\n- version: %s\n- Go: %s\n- platform: %s/%s\n- time: %s\n- verdict: %s\n",
		k.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, k.Now().UTC().Format("2006-01-02T15:04:05Z"), r.Verdict)
	fmt.Fprintf(&b, "- terminal: in %t, out %t, err %t\n\n## Checks\n\n", k.Streams.InTTY, k.Streams.OutTTY,
		k.Streams.ErrTTY)
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "- %s: %s: %s\n", c.Check, c.State, c.Detail)
		if c.Fix != "" {
			fmt.Fprintf(&b, "  - fix: %s\n", c.Fix)
		}
	}
	b.WriteString("\n## Settings of the profile, by where each comes from\n\n")
	for _, s := range config.Settings {
		if source := m.profile.Sources[s.Key]; s.Key != "" && source != "" && source != config.SourceDefault {
			fmt.Fprintf(&b, "- %s: %s\n", s.Key, source)
		}
	}
	b.WriteString("\n## Variables that are set (their values are left out)\n\n")
	for _, s := range config.Settings {
		if s.Variable != "" && k.Getenv(s.Variable) != "" {
			fmt.Fprintf(&b, "- %s\n", s.Variable)
		}
	}
	b.WriteString("\n## Files of the state folder\n\n")
	m.listFiles(&b)
	text := m.redact(ctx, b.String())
	path := absolute(name)
	if err := atomicfile.WriteFile(path, []byte(text), 0o600); err != nil {
		return atomicfile.Failure(failure.Failed, "cannot write "+name, path, err)
	}
	k.Streams.Note("Wrote " + name + ": read it before you send it")
	return nil
}

// listFiles names the files of the state folder by their sizes and modes: what is damaged or
// readable by others is seen there.
func (m *machine) listFiles(b *bytes.Buffer) {
	if m.dir() == "" {
		return
	}
	entries, err := os.ReadDir(m.dir())
	if err != nil {
		_, why := atomicfile.Classify(err)
		fmt.Fprintf(b, "- the folder cannot be listed: %s\n", why)
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			fmt.Fprintf(b, "- %s %s %d bytes\n", info.Mode(), info.Name(), info.Size())
		}
	}
}

// What names a person: an email address, and the key of a DeviceToken, which is a UUID.
var (
	emailShape = lazyregexp.New(`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`)
	uuidShape  = lazyregexp.New(`[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`)
)

// redact takes out of a text what is secret (whatever the checks have said), the home folder,
// email addresses and UUIDs but the InstanceId.
func (m *machine) redact(ctx context.Context, text string) string {
	var known secret.Redactor
	known.Add(m.secrets(ctx)...)
	text = known.Redact(text)
	text = emailShape.Get().ReplaceAllString(text, "EMAIL")
	text = uuidShape.Get().ReplaceAllStringFunc(text, func(id string) string {
		if strings.EqualFold(id, m.profile.InstanceID) {
			return id
		}
		return "UUID"
	})
	for _, home := range []string{m.app.Getenv("HOME"), m.app.Getenv("USERPROFILE")} {
		if home != "" && filepath.Clean(home) != string(filepath.Separator) {
			text = strings.ReplaceAll(text, filepath.Clean(home), "~")
		}
	}
	if user := m.app.Getenv("USER"); len(user) > 2 {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(user)+`\b`).ReplaceAllString(text, "USER")
	}
	return text
}

// secrets are all that this process knows, and what the token store has of the profile, as far
// as it can be read.
func (m *machine) secrets(ctx context.Context) (all []secret.String) {
	if m.config != nil {
		all = append(all, m.config.AdminPassword, m.config.AccessToken, m.config.StorePassphrase, m.profile.InstanceKey,
			m.profile.IdentityKey)
	}
	for _, s := range config.Settings {
		if s.Secret() && s.Variable != "" {
			all = append(all, secret.New(m.app.Getenv(s.Variable)))
		}
	}
	if m.session == nil || m.session.Stored() == "" {
		return all
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, subject := range []string{tokenstore.SubjectAdmin, tokenstore.SubjectInstanceKey, tokenstore.SubjectIdentityKey,
		tokenstore.SubjectAdminPassword} {
		record, err := m.session.Store.Get(ctx, tokenstore.Key{Profile: m.profile.Name, Subject: subject})
		if err == nil {
			all = append(all, record.Access, record.Refresh, record.Value)
		}
	}
	return slices.DeleteFunc(all, secret.String.IsZero)
}
