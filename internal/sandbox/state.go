package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// stateFormat changes whenever what is stored below can no longer be read as it was.
const stateFormat = "1"

// The keys of the state. A number stands in big-endian order, so that keys sort as the numbers do.
const (
	keyFormat     = "format"     // stateFormat
	keySigning    = "signing"    // the key that JWTs are signed with
	keySequence   = "sequence"   // the number of the user registered last
	keyGeneration = "generation" // JWTs of an earlier one have expired

	prefixAdmin       = "admin/"       // by e-mail address: admin
	prefixApplication = "application/" // by number: application
	prefixApplicID    = "application#" // by id: number
	prefixCompany     = "company/"     // by number: company
	prefixCompanyID   = "company#"     // by id: number
	prefixCount       = "count/"       // by instance number: how many users it has
	prefixInstance    = "instance/"    // by number: instance
	prefixInstanceID  = "instance#"    // by id: number
	prefixInvite      = "invite/"      // by code in lower case: instance number
	prefixPair        = "pair/"        // by the refresh token's hash: pair
	prefixSignIns     = "signin/"      // by address: signIns
	prefixToken       = "token/"       // by DeviceToken: user number
	prefixUser        = "user/"        // by number: user
	prefixIndex       = "x"            // see indexes.go
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
	for ok := c.seek(prefix); ok && strings.HasPrefix(c.key(), prefix); ok = c.next() {
		if !fn(c.key()) {
			return
		}
	}
}

// lastNumber is the largest number under a prefix of numbered records; 0 where there is none.
func (s state) lastNumber(prefix string) uint64 {
	c := s.cursor()
	// No number has the highest byte set, so this is behind them all.
	if !c.seekBefore(prefix+"\xff") || !strings.HasPrefix(c.key(), prefix) {
		return 0
	}
	return numberOf(c.key())
}

// numberOf is the number at the end of a key.
func numberOf(key string) uint64 { return binary.BigEndian.Uint64([]byte(key[len(key)-8:])) }
