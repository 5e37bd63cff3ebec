package job

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// A DeviceToken that is derived must be the same on any machine and in any version of this program for ever: what goes into it is
// written down in docs/scale.md, and known-answer tests hold it. Each kind of derivation has its own first word.
const (
	wordClient = "telematicsctl device token 1"
	wordRow    = "telematicsctl row token 1"
	wordKey    = "telematicsctl key check 1"
	wordShard  = "telematicsctl shard 1"
	wordRun    = "telematicsctl run seed 1"
)

// Tokens chooses the DeviceTokens of one instance's users. It is for one goroutine at a time.
type Tokens struct {
	instance string
	key      []byte
	seed     []byte
}

// NewTokens makes a chooser. seed is of 16 bytes or more, in hexadecimal.
func NewTokens(in userservice.Instance, seed string) Tokens {
	decoded, err := hex.DecodeString(seed)
	if err != nil {
		decoded = []byte(seed)
	}
	return Tokens{instance: strings.ToLower(in.ID), key: canonical(in.Key), seed: decoded}
}

// canonical is the one spelling of an InstanceKey, so that a key in capitals derives the same tokens.
func canonical(key secret.String) []byte { return []byte(strings.ToLower(key.Reveal())) }

// OfClient is the DeviceToken of the user who has this ClientId in the instance: HMAC-SHA-256, keyed with the InstanceKey, of the
// InstanceId and the ClientId, its first 16 bytes shaped as a UUID of version 8.
func (t Tokens) OfClient(clientID string) uuid.UUID {
	return shaped(sum(t.key, wordClient, t.instance, clientID))
}

// OfRow is the DeviceToken of a row that has no ClientId: as good as random to all who do not have the seed. The seed was drawn at
// random, for the job or for the content of its file, and written down before any row was sent; or is that of a run that has a name (RunSeed).
func (t Tokens) OfRow(row int) uuid.UUID {
	return shaped(sum(t.seed, wordRow, t.instance, strconv.Itoa(row)))
}

// RunSeed is the seed of the rows of a run of templates that has a name, in hexadecimal: the same on any machine, so that its shards, and the same
// run with other options, are about the same users.
func RunSeed(in userservice.Instance, run string) string {
	return hex.EncodeToString(sum(canonical(in.Key), wordRun, strings.ToLower(in.ID), run))
}

// KeyCheck tells two InstanceKeys apart and gives neither away.
func KeyCheck(in userservice.Instance) string {
	return hex.EncodeToString(sum(canonical(in.Key), wordKey, strings.ToLower(in.ID))[:8])
}

// InShard tells whether a row falls to a shard (from 1) of so many.
func InShard(shard, shards int, customToken, clientID string, row int) bool {
	return shards <= 1 || ShardOf(shards, customToken, clientID, row) == shard
}

// ShardOf is the shard that a row falls to, from 1. What counts is the row's CustomToken or else its ClientId, so that a file in another
// order has the same shards, or else its number.
func ShardOf(shards int, customToken, clientID string, row int) int {
	kind, name := "row", strconv.Itoa(row)
	client := strings.TrimSpace(clientID) // the joining of results reads a file as it is, and finds the same shards
	switch {
	case customToken != "":
		kind, name = "token", customToken
	case client != "":
		kind, name = "client", client
	}
	h := binary.BigEndian.Uint64(sum(nil, wordShard, kind, name))
	return int(h%uint64(max(shards, 1))) + 1 //nolint:gosec // below shards
}

// sum is HMAC-SHA-256 over the parts, each with its length before it, so that no two lists of parts are alike.
func sum(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	var length [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(length[:], uint32(len(p))) //nolint:gosec // a cell is far shorter
		h.Write(length[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// shaped is the first 16 bytes as a UUID of version 8 (RFC 9562).
func shaped(b []byte) uuid.UUID {
	var u uuid.UUID
	copy(u[:], b)
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}
