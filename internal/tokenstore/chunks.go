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

	// maxChunks is more chunks than any record of ours needs: a manifest that names more is
	// damaged.
	maxChunks = 256
)

// manifest is the item under <profile>/<subject>. It holds the record itself; or, where the keyring
// takes no item that long, it names the chunks: <profile>/<subject>#<generation>.<number>, numbered
// from 0.
//
// There are two generations. A write fills the one that the manifest does not name, replaces the
// manifest, and then clears the other, so that a crash at any point leaves a manifest whose chunks
// are all there. Chunks are written upwards and cleared downwards: those of a generation always
// begin at 0 and have no gap, whatever a crash has left.
type manifest struct {
	Version    int             `json:"v"`
	Chunks     int             `json:"chunks,omitempty"`
	Generation string          `json:"gen,omitempty"`
	Sum        string          `json:"sum"`           // recordSum of the record, wherever it is
	Record     json.RawMessage `json:"rec,omitempty"` // a recordJSON; none where it is in chunks
}

// recordSum is a checksum of a record as it is written, and of whose it is: another subject's
// record is noticed too.
func recordSum(key Key, text string) string { return sumOf(manifestUser(key) + "\n" + text)[:32] }

var generations = [2]string{"a", "b"}

func other(generation string) string {
	if generation == generations[0] {
		return generations[1]
	}
	return generations[0]
}

func manifestUser(key Key) string { return key.Profile + "/" + key.Subject }

// keyOf is the reverse of manifestUser; false for a chunk and for what is not ours.
func keyOf(user string) (Key, bool) {
	profile, subject, ok := strings.Cut(user, "/")
	return Key{Profile: profile, Subject: subject}, ok && !strings.Contains(subject, "#")
}

func chunkUser(key Key, generation string, number int) string {
	return manifestUser(key) + "#" + generation + "." + strconv.Itoa(number)
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// load reads a record; nil where there is none. Where its chunks do not match the manifest, another
// process may have replaced both in the meantime: only a manifest that is still the same is
// damaged.
func (k *keyringStore) load(ctx context.Context, key Key) (*Record, error) {
	before := ""
	for {
		text, there, err := k.fetch(ctx, manifestUser(key))
		if err != nil || !there {
			return nil, err
		}
		var h manifest
		if json.Unmarshal([]byte(text), &h) != nil || h.Version < itemVersion || h.Chunks < 0 || h.Chunks > maxChunks {
			return nil, damagedRecord(key, "it is not what was written")
		}
		if h.Version > itemVersion {
			return nil, newerRecord(key)
		}
		whole := string(h.Record)
		if h.Chunks > 0 {
			if whole, err = k.join(ctx, key, h); err != nil {
				return nil, err
			}
		}
		switch {
		case recordSum(key, whole) == h.Sum:
			return decodeWhole(key, whole)
		case h.Chunks == 0:
			return nil, damagedRecord(key, "its checksum does not match")
		case text == before:
			return nil, damagedRecord(key, "parts of it are missing or do not belong together")
		}
		before = text
	}
}

// join reads the chunks that a manifest names and joins those that are there.
func (k *keyringStore) join(ctx context.Context, key Key, h manifest) (string, error) {
	var whole strings.Builder
	for n := range h.Chunks {
		part, there, err := k.fetch(ctx, chunkUser(key, h.Generation, n))
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
	var w recordJSON
	if json.Unmarshal([]byte(text), &w) != nil {
		return nil, damagedRecord(key, "its content is not what was written")
	}
	r := w.record()
	return &r, nil
}

// save writes a record: in one item where it fits, else in chunks. The caller holds the lock.
func (k *keyringStore) save(ctx context.Context, key Key, r Record) error {
	whole, err := json.Marshal(toJSON(r))
	if err != nil {
		return err
	}
	text, err := json.Marshal(manifest{Version: itemVersion, Sum: recordSum(key, string(whole)), Record: whole})
	if err != nil {
		return err
	}
	limit := k.backend.Limit(service, manifestUser(key))
	if limit == 0 {
		return k.store(ctx, manifestUser(key), string(text))
	}
	old, err := k.readManifest(ctx, key)
	if err != nil {
		return err
	}
	if len(text) <= limit {
		if err := k.store(ctx, manifestUser(key), string(text)); err != nil {
			return err
		}
	} else if err := k.saveChunks(ctx, key, whole, other(old.Generation)); err != nil {
		return err
	}
	// From here on the new record is what is read. What is left of the old one is cleared now, or
	// by the next write.
	if old.Chunks > 0 {
		_ = k.clear(ctx, key, old.Generation, 0)
	}
	return nil
}

// saveChunks writes a record's chunks into a generation and then the manifest that names them.
func (k *keyringStore) saveChunks(ctx context.Context, key Key, whole []byte, generation string) error {
	h := manifest{Version: itemVersion, Generation: generation, Sum: recordSum(key, string(whole))}
	for len(whole) > 0 {
		if h.Chunks == maxChunks {
			return failure.New(failure.Failed, "the record is too long for the keyring").Because(ReasonTooLong, key.Subject)
		}
		user := chunkUser(key, generation, h.Chunks)
		length := min(len(whole), k.backend.Limit(service, user))
		if err := k.store(ctx, user, string(whole[:length])); err != nil {
			return err
		}
		whole = whole[length:]
		h.Chunks++
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := k.store(ctx, manifestUser(key), string(text)); err != nil {
		return err
	}
	_ = k.clear(ctx, key, generation, h.Chunks) // what a longer record, cut short by a crash, may have left
	return nil
}

// readManifest returns the manifest as it stands; an empty one where there is none, or none that
// can be read, which is then replaced.
func (k *keyringStore) readManifest(ctx context.Context, key Key) (manifest, error) {
	text, there, err := k.fetch(ctx, manifestUser(key))
	var h manifest
	if err != nil || !there || json.Unmarshal([]byte(text), &h) != nil {
		return manifest{}, err
	}
	return h, nil
}

// erase removes a record: its manifest first, so that no half of it is ever read, then the chunks
// of both generations, those that a crash has left included. The caller holds the lock.
func (k *keyringStore) erase(ctx context.Context, key Key) error {
	if _, err := k.remove(ctx, manifestUser(key)); err != nil {
		return err
	}
	if k.backend.Limit(service, manifestUser(key)) == 0 {
		return nil
	}
	for _, generation := range generations {
		if err := k.clear(ctx, key, generation, 0); err != nil {
			return err
		}
	}
	return nil
}

// clear removes the chunks of a generation from the number on, the last one first.
func (k *keyringStore) clear(ctx context.Context, key Key, generation string, from int) error {
	end := from
	for ; end < maxChunks; end++ {
		_, there, err := k.fetch(ctx, chunkUser(key, generation, end))
		if err != nil {
			return err
		}
		if !there {
			break
		}
	}
	for n := end - 1; n >= from; n-- {
		if _, err := k.remove(ctx, chunkUser(key, generation, n)); err != nil {
			return err
		}
	}
	return nil
}
