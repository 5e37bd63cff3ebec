package operation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// ReasonSameKey says that the templates give two rows the same key. The subject is its field.
const ReasonSameKey failure.Reason = "same-key"

// keyHash tells keys apart. A million of them take 16 MB.
type keyHash [16]byte

func compareHashes(a, b keyHash) int { return bytes.Compare(a[:], b[:]) }

func hashOf(k identity.Key) (h keyHash, name string, ok bool) {
	switch k.Kind {
	case identity.Given:
		name = "CustomToken"
	case identity.ByField:
		name = k.Field.Name
	default:
		return h, "", false
	}
	sum := sha256.Sum256([]byte(name + "\n" + k.Value))
	copy(h[:], sum[:])
	return h, name, true
}

// CheckKeys refuses rows that have the same key by what templates say, or by a template and a cell:
// they would be one user. The error names the first two of them. Cells alone are compared where the
// file is read.
func (u *NewUsers) CheckKeys(ctx context.Context) error {
	fields := append(slices.Clone(u.Rule.Preference.Fields), field.MustGet("CustomToken"))
	if !slices.ContainsFunc(fields, u.Templates.Has) {
		return nil
	}
	var hashes []keyHash
	err := u.Keys(ctx, func(row *input.Row, key identity.Key) error {
		if h, _, ok := hashOf(key); ok && len(row.Mistakes) == 0 {
			hashes = append(hashes, h)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(hashes, compareHashes)
	n := 0 // of the hashes that came twice
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] && (n == 0 || hashes[n-1] != hashes[i]) {
			hashes[n] = hashes[i]
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return u.sameKey(ctx, hashes[:n])
}

// sameKey names the first two rows with a key of those that came twice, which are sorted.
func (u *NewUsers) sameKey(ctx context.Context, twice []keyHash) error {
	first := map[keyHash]int{}
	return u.Keys(ctx, func(row *input.Row, key identity.Key) error {
		h, name, ok := hashOf(key)
		if !ok || len(row.Mistakes) > 0 { // such a row is not sent
			return nil
		}
		if _, found := slices.BinarySearchFunc(twice, h, compareHashes); !found {
			return nil
		}
		if n := first[h]; n > 0 {
			return failure.Newf(failure.Invalid, "rows %d and %d have the same %s %q: nothing was sent", n, row.N, name,
				key.Value).
				Because(ReasonSameKey, name)
		}
		first[h] = row.N
		return nil
	})
}
