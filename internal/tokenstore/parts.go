package tokenstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

const (
	// itemVersion is the version of what stands in an item of the keyring.
	itemVersion = 1

	// mostParts is more parts than any record of ours needs: a head that names more is damaged.
	mostParts = 256
)

// head is the item under <profile>/<subject>. It holds the record itself; or, where the keyring takes no item that long, it names the
// parts: <profile>/<subject>#<generation>.<number>, numbered from 0.
//
// There are two generations. A write fills the one that the head does not name, replaces the head, and then clears
// the other, so that a crash at any point leaves a head whose parts are all there. Parts are written upwards and
// cleared downwards: those of a generation always begin at 0 and have no gap, whatever a crash has left.
type head struct {
	Version    int    `json:"v"`
	Parts      int    `json:"parts,omitempty"`
	Generation string `json:"gen,omitempty"`
	Sum        string `json:"sum,omitempty"` // SHA-256 of the parts, joined
	wire
}

var generations = [2]string{"a", "b"}

func other(generation string) string {
	if generation == generations[0] {
		return generations[1]
	}
	return generations[0]
}

func headUser(key Key) string { return key.Profile + "/" + key.Subject }

// keyOf is the reverse of headUser; false for a part and for what is not ours.
func keyOf(user string) (Key, bool) {
	profile, subject, ok := strings.Cut(user, "/")
	return Key{Profile: profile, Subject: subject}, ok && !strings.Contains(subject, "#")
}

func partUser(key Key, generation string, number int) string {
	return headUser(key) + "#" + generation + "." + strconv.Itoa(number)
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// load reads a record; nil where there is none. Where its parts do not fit the head, another process may have replaced both in
// the meantime: only a head that is still the same is damaged.
func (k *keyringStore) load(ctx context.Context, key Key) (*Record, error) {
	before := ""
	for {
		text, there, err := k.fetch(ctx, headUser(key))
		if err != nil || !there {
			return nil, err
		}
		var h head
		if json.Unmarshal([]byte(text), &h) != nil || h.Version != itemVersion || h.Parts < 0 || h.Parts > mostParts {
			return nil, damagedRecord(key, "it is not what this version writes")
		}
		if h.Parts == 0 {
			r := h.record()
			return &r, nil
		}
		whole, err := k.join(ctx, key, h)
		if err != nil {
			return nil, err
		}
		if sumOf(whole) == h.Sum {
			return decodeWhole(key, whole)
		}
		if text == before {
			return nil, damagedRecord(key, "parts of it are missing or do not belong together")
		}
		before = text
	}
}

// join reads the parts that a head names and joins those that are there.
func (k *keyringStore) join(ctx context.Context, key Key, h head) (string, error) {
	var whole strings.Builder
	for n := range h.Parts {
		part, there, err := k.fetch(ctx, partUser(key, h.Generation, n))
		if err != nil {
			return "", err
		}
		if !there {
			break
		}
		whole.WriteString(part)
	}
	return whole.String(), nil
}

func decodeWhole(key Key, text string) (*Record, error) {
	var w wire
	if json.Unmarshal([]byte(text), &w) != nil {
		return nil, damagedRecord(key, "its content is not what was written")
	}
	r := w.record()
	return &r, nil
}

// save writes a record: in one item where it fits, else in parts. The caller holds the lock.
func (k *keyringStore) save(ctx context.Context, key Key, r Record) error {
	text, err := json.Marshal(head{Version: itemVersion, wire: toWire(r)})
	if err != nil {
		return err
	}
	limit := k.backend.Limit(service, headUser(key))
	if limit == 0 {
		return k.store(ctx, headUser(key), string(text))
	}
	old, err := k.headNow(ctx, key)
	if err != nil {
		return err
	}
	if len(text) <= limit {
		if err := k.store(ctx, headUser(key), string(text)); err != nil {
			return err
		}
	} else if err := k.saveParts(ctx, key, toWire(r), other(old.Generation)); err != nil {
		return err
	}
	// From here on the new record is what is read. What is left of the old one is cleared now, or by the next write.
	if old.Parts > 0 {
		_ = k.clear(ctx, key, old.Generation, 0)
	}
	return nil
}

// saveParts writes a record's parts into a generation and then the head that names them.
func (k *keyringStore) saveParts(ctx context.Context, key Key, w wire, generation string) error {
	whole, err := json.Marshal(w)
	if err != nil {
		return err
	}
	h := head{Version: itemVersion, Generation: generation, Sum: sumOf(string(whole))}
	for len(whole) > 0 {
		if h.Parts == mostParts {
			return failure.New(failure.Failed, "the record is too long for the keyring")
		}
		user := partUser(key, generation, h.Parts)
		length := min(len(whole), k.backend.Limit(service, user))
		if err := k.store(ctx, user, string(whole[:length])); err != nil {
			return err
		}
		whole = whole[length:]
		h.Parts++
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := k.store(ctx, headUser(key), string(text)); err != nil {
		return err
	}
	_ = k.clear(ctx, key, generation, h.Parts) // what a longer record, cut short by a crash, may have left
	return nil
}

// headNow is the head as it stands; an empty one where there is none, or none that can be read, which is then replaced.
func (k *keyringStore) headNow(ctx context.Context, key Key) (head, error) {
	text, there, err := k.fetch(ctx, headUser(key))
	var h head
	if err != nil || !there || json.Unmarshal([]byte(text), &h) != nil {
		return head{}, err
	}
	return h, nil
}

// erase removes a record: its head first, so that no half of it is ever read, then the parts of both generations, those that a crash has
// left included. The caller holds the lock.
func (k *keyringStore) erase(ctx context.Context, key Key) error {
	if _, err := k.remove(ctx, headUser(key)); err != nil {
		return err
	}
	if k.backend.Limit(service, headUser(key)) == 0 {
		return nil
	}
	for _, generation := range generations {
		if err := k.clear(ctx, key, generation, 0); err != nil {
			return err
		}
	}
	return nil
}

// clear removes the parts of a generation from the number on, the last one first.
func (k *keyringStore) clear(ctx context.Context, key Key, generation string, from int) error {
	end := from
	for ; end < mostParts; end++ {
		_, there, err := k.fetch(ctx, partUser(key, generation, end))
		if err != nil {
			return err
		}
		if !there {
			break
		}
	}
	for n := end - 1; n >= from; n-- {
		if _, err := k.remove(ctx, partUser(key, generation, n)); err != nil {
			return err
		}
	}
	return nil
}
