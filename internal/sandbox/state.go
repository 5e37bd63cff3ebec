package sandbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// stateFormat changes whenever what is stored below can no longer be read as it was.
const stateFormat = "2"

// The keys of the state. A number stands in big-endian order, so that keys sort as the numbers do. Prefixes are short, as
// the engine in memory compares the beginnings of keys fastest.
const (
	keyFormat     = ".format"     // stateFormat
	keySigning    = ".signing"    // the key that JWTs are signed with
	keySequence   = ".sequence"   // the number of the user registered last
	keyGeneration = ".generation" // JWTs of an earlier one have expired

	prefixAdmin       = "a" // by e-mail address: admin
	prefixApplication = "b" // by number: application
	prefixApplicID    = "B" // by id: number
	prefixCompany     = "c" // by number: company
	prefixCompanyID   = "C" // by id: number
	prefixInstance    = "i" // by number: instance
	prefixInstanceID  = "I" // by id: number
	prefixCount       = "n" // by instance number: how many users it has
	prefixPair        = "p" // by subject and the refresh token's hash: when it expires
	prefixSignIns     = "s" // by address: signIns
	prefixToken       = "t" // by DeviceToken: user number
	prefixUser        = "u" // by number: user
	prefixInvite      = "v" // by code in lower case: instance number
	prefixIndex       = "x" // see indexes.go
)

// state is the one model of the data, over a tx of either engine.
type state struct{ tx }

// load reads a record; it is false where there is none.
func (s state) load(key string, into any) bool {
	data := s.get(key)
	if data == nil {
		return false
	}
	if err := json.Unmarshal(data, into); err != nil {
		s.fail(fmt.Errorf("the record %q cannot be read: %w", key, err))
		return false
	}
	return true
}

func (s state) save(key string, record any) {
	data, err := json.Marshal(record)
	if err != nil {
		s.fail(err)
		return
	}
	s.put(key, data)
}

// number reads a counter, or a reference to a number; 0 where there is none.
func (s state) number(key string) uint64 {
	if b := s.get(key); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (s state) setNumber(key string, n uint64) { s.put(key, binary.BigEndian.AppendUint64(nil, n)) }

func numbered(prefix string, n uint64) string {
	b := make([]byte, 0, len(prefix)+8)
	return string(binary.BigEndian.AppendUint64(append(b, prefix...), n))
}

// each calls fn with every key under a prefix, in order, until it returns false.
func (s state) each(prefix string, fn func(key string) bool) {
	c := s.cursor()
	for ok := c.seek(prefix); ok; ok = c.next() {
		if key := string(c.key()); !strings.HasPrefix(key, prefix) || !fn(key) {
			return
		}
	}
}

// lastNumber is the largest number under a prefix of numbered records; 0 where there is none.
func (s state) lastNumber(prefix string) uint64 {
	c := s.cursor()
	// No number has the highest byte set, so this is behind them all.
	if !c.seekBefore(prefix+"\xff") || !bytes.HasPrefix(c.key(), []byte(prefix)) {
		return 0
	}
	return numberOf(string(c.key()))
}

// numberOf is the number at the end of a key.
func numberOf(key string) uint64 { return binary.BigEndian.Uint64([]byte(key[len(key)-8:])) }
