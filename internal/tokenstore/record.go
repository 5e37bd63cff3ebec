package tokenstore

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// recordJSON is a record as it is written: a secret.String would print itself as redacted. The
// names are short because some keyrings take little.
type recordJSON struct {
	Access     string    `json:"a,omitempty"`
	Refresh    string    `json:"r,omitempty"`
	Value      string    `json:"s,omitempty"`
	IssuedAt   time.Time `json:"iat,omitzero"`
	ExpiresAt  time.Time `json:"exp,omitzero"`
	Host       string    `json:"host,omitempty"`
	InstanceID string    `json:"instance,omitempty"`
	Email      string    `json:"email,omitempty"`
}

func toJSON(r Record) recordJSON {
	return recordJSON{
		Access: r.Access.Reveal(), Refresh: r.Refresh.Reveal(), Value: r.Value.Reveal(),
		IssuedAt: utc(r.IssuedAt), ExpiresAt: utc(r.ExpiresAt), Host: r.Host, InstanceID: r.InstanceID,
		Email: r.Email,
	}
}

func (w recordJSON) record() Record {
	return Record{
		Access: secret.New(w.Access), Refresh: secret.New(w.Refresh), Value: secret.New(w.Value),
		IssuedAt: utc(w.IssuedAt), ExpiresAt: utc(w.ExpiresAt), Host: w.Host, InstanceID: w.InstanceID,
		Email: w.Email,
	}
}

// utc is the time as every store gives it back: in UTC, without the reading of the process's own
// clock.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.Round(0).UTC()
}

// isPair reports whether the subject's record is a pair of tokens rather than a single secret.
func (k Key) isPair() bool {
	return k.Subject != SubjectInstanceKey && k.Subject != SubjectIdentityKey && k.Subject != SubjectAdminPassword
}

// entry is what may be shown of the record.
func entry(key Key, r Record) Entry {
	return Entry{Key: key, IssuedAt: utc(r.IssuedAt), ExpiresAt: utc(r.ExpiresAt), Host: r.Host,
		InstanceID: r.InstanceID, Email: r.Email}
}

// records are a whole store in memory.
type records map[Key]Record

// list gives the entries of a profile, or of all for "", in the order that Store.List promises.
func (t records) list(profile string) []Entry {
	entries := []Entry{}
	for key, r := range t {
		if key.isPair() && (profile == "" || key.Profile == profile) {
			entries = append(entries, entry(key, r))
		}
	}
	sortEntries(entries)
	return entries
}

func sortEntries(entries []Entry) {
	rank := func(e Entry) int {
		if e.Subject == SubjectAdmin {
			return 0
		}
		return 1
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Subject, b.Subject))
	})
}

// encode writes the records as JSON: profile → subject → record.
func (t records) encode() ([]byte, error) { return json.Marshal(nested(t, toJSON)) }

// decodeRecords reads what encode wrote. Its error says nothing of the content, which is secret.
func decodeRecords(data []byte) (records, error) {
	var profiles map[string]map[string]recordJSON
	if err := json.Unmarshal(data, &profiles); err != nil || profiles == nil {
		return nil, errors.New("its content is not what was written")
	}
	return flat(profiles, recordJSON.record), nil
}

// nested is what stands under keys as profile → subject → value, each as the function gives it.
func nested[R, V any](t map[Key]R, as func(R) V) map[string]map[string]V {
	profiles := map[string]map[string]V{}
	for key, r := range t {
		if profiles[key.Profile] == nil {
			profiles[key.Profile] = map[string]V{}
		}
		profiles[key.Profile][key.Subject] = as(r)
	}
	return profiles
}

// flat is the reverse of nested.
func flat[R, V any](profiles map[string]map[string]V, as func(V) R) map[Key]R {
	t := map[Key]R{}
	for profile, subjects := range profiles {
		for subject, v := range subjects {
			t[Key{Profile: profile, Subject: subject}] = as(v)
		}
	}
	return t
}
