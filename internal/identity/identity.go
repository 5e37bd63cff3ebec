// Package identity says who a row is: it derives the DeviceToken of a user from what the user is
// known by, in the same way in any command, on any machine and in any version of this program.
//
// What goes into a derivation is written down in docs/scale.md, and known-answer tests hold it.
// Each kind of derivation has a label of its own; a label is never reworded.
package identity

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"sync"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// The labels of the derivations.
const (
	labelClient  = "telematicsctl device token 1" // from a ClientId
	labelField   = "telematicsctl field token 1"  // from any other field
	labelContent = "telematicsctl content token 1"
	labelDigest  = "telematicsctl content 1"
	labelRow     = "telematicsctl row token 1" // from a seed and the row's number
	labelRun     = "telematicsctl run seed 1"
	labelCheck   = "telematicsctl key check 1"
	labelShard   = "telematicsctl shard 1"
)

// Deriver derives the DeviceTokens of one instance's users. It is safe for concurrent use.
type Deriver struct {
	instance string
	key      []byte
	hashes   *sync.Pool // of *keyed with the key; nil: they are made each time
}

// NewDeriver returns the Deriver of an instance. The identity key is the InstanceKey, or what was
// set in its place: a UUID in any form counts in its canonical one, other text as its bytes.
func NewDeriver(instanceID string, identityKey secret.String) Deriver {
	key := []byte(canonical(identityKey.Reveal()))
	return Deriver{instance: canonical(instanceID), key: key, hashes: &sync.Pool{New: func() any { return newKeyed(key) }}}
}

// canonical returns a UUID in its canonical form, and any other text as it is.
func canonical(text string) string {
	if u, err := field.ParseServiceUUID(text); err == nil {
		return u.String()
	}
	return text
}

// Field returns the DeviceToken of the user who has this value of a field. Only the normalized
// value counts, which must not be empty.
func (d Deriver) Field(f *field.Field, value string) uuid.UUID {
	value = f.Normalize(value)
	if f.Name == "ClientId" {
		return shaped(d.sum(labelClient, d.instance, value))
	}
	return shaped(d.sum(labelField, d.instance, f.Name, value))
}

// Content returns the DeviceToken of the user whom a row's content describes. number counts equal
// rows from 1.
func (d Deriver) Content(digest Digest, number int) uuid.UUID {
	return shaped(d.sum(labelContent, d.instance, string(digest[:]), strconv.Itoa(number)))
}

// Random returns the DeviceToken of row n (from 1) of a job that drew the seed: as good as random
// to all who do not have the seed.
func (d Deriver) Random(seed Seed, n int) uuid.UUID {
	return shaped(sum(seed, labelRow, d.instance, strconv.Itoa(n)))
}

// Run returns the seed of all rows of the run that has this name: the same on any machine, so that
// the run's shards are about the same users.
func (d Deriver) Run(name string) Seed { return d.sum(labelRun, d.instance, name) }

// KeyCheck returns a text that differs for different identity keys and discloses nothing of them.
func (d Deriver) KeyCheck() string { return hex.EncodeToString(d.sum(labelCheck, d.instance)[:8]) }

// Seed is what the DeviceTokens of rows that have no key are made of. It is a secret as long as the
// rows have not been sent.
type Seed []byte

// NewSeed draws a seed. It must be on disk before a row that it gives a DeviceToken is sent.
func NewSeed() Seed {
	s := make(Seed, 32)
	_, _ = rand.Read(s) // never fails
	return s
}

// ParseSeed reads what Seed.Text wrote.
func ParseSeed(text string) (Seed, error) {
	s, err := hex.DecodeString(text)
	if err != nil || len(s) < 16 {
		return nil, errors.New("not 16 bytes or more in hexadecimal")
	}
	return s, nil
}

// Text returns the seed in hexadecimal.
func (s Seed) Text() string { return hex.EncodeToString(s) }

// sum returns HMAC-SHA-256 over the parts, each with its length before it, so that no two lists of
// parts are alike.
func sum(key []byte, parts ...string) []byte { return newKeyed(key).sum(parts) }

// sum is sum with the identity key.
func (d Deriver) sum(parts ...string) []byte {
	if d.hashes == nil {
		return sum(d.key, parts...)
	}
	k := d.hashes.Get().(*keyed)
	defer d.hashes.Put(k)
	return k.sum(parts)
}

// keyed is HMAC-SHA-256 with a key: to use it again costs a fraction of making it.
type keyed struct {
	hash hash.Hash
	text []byte
}

func newKeyed(key []byte) *keyed { return &keyed{hash: hmac.New(sha256.New, key)} }

func (k *keyed) sum(parts []string) []byte {
	k.text = k.text[:0]
	for _, p := range parts {
		k.text = binary.BigEndian.AppendUint32(k.text, uint32(len(p))) //nolint:gosec // a cell is far shorter
		k.text = append(k.text, p...)
	}
	k.hash.Reset()
	k.hash.Write(k.text)
	return k.hash.Sum(nil)
}

func add(h hash.Hash, part string) {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(part))) //nolint:gosec // a cell is far shorter
	h.Write(length[:])
	h.Write([]byte(part))
}

// shaped returns the first 16 bytes as a UUID of version 8 (RFC 9562).
func shaped(b []byte) uuid.UUID {
	var u uuid.UUID
	copy(u[:], b)
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// ParseToken reads a CustomToken or a DeviceToken of a row. The all-zero UUID is a blank:
// spreadsheets and databases write it for none.
func ParseToken(text string) (uuid.UUID, error) {
	if field.Trim(text) == "" {
		return uuid.Nil, nil
	}
	return field.ParseServiceUUID(text)
}
