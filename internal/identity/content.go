package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// Digest is what a row's own cells say, whatever their order and spelling.
type Digest [sha256.Size]byte

// ContentOf returns the digest of a row's own cells: what flags, templates and defaults add to the
// row must not be among them. Blank cells are no part of it, nor is CreateAccessToken, which says
// nothing of the user.
func ContentOf(cells field.Set) Digest {
	h := hmac.New(sha256.New, nil)
	add(h, labelDigest)
	for _, f := range byName(cells.Fields()) {
		value, _ := cells.Get(f.Name)
		if text := cellText(f, value); text != "" {
			add(h, f.Name)
			add(h, text)
		}
	}
	return Digest(h.Sum(nil))
}

func byName(fields []*field.Field) []*field.Field {
	fields = slices.DeleteFunc(fields, func(f *field.Field) bool {
		return f.Name == "CreateAccessToken" || f.Name == "CustomToken"
	})
	slices.SortFunc(fields, func(a, b *field.Field) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return fields
}

// cellText returns a cell's value as normalized text, "" for a blank.
func cellText(f *field.Field, value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return f.Normalize(v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	text, err := json.Marshal(value) // an object or a list that was not validated
	if err != nil {
		return ""
	}
	return string(text)
}

// Counter numbers equal rows, so that each of them is a user of its own. It is for one goroutine at
// a time.
//
// Note every row of the input, Seal, and then ask the Number of every row in the same order, before
// any selection. The memory is 8 bytes a row while rows are noted, and then about 40 bytes for each
// content that came more than once.
type Counter struct {
	noted  [256][]uint64 // the beginnings of digests, by their first byte
	sealed bool
	met    map[[16]byte]int // by digest: rows so far; only of contents that came more than once
	twice  []uint64         // ascending
}

// Note remembers that a row has this content.
func (c *Counter) Note(d Digest) {
	p := &c.noted[d[0]]
	*p = append(*p, beginning(d))
}

// Seal ends the noting.
func (c *Counter) Seal() {
	for i, p := range c.noted {
		slices.Sort(p)
		for k := 1; k < len(p); k++ {
			if p[k] == p[k-1] && (len(c.twice) == 0 || c.twice[len(c.twice)-1] != p[k]) {
				c.twice = append(c.twice, p[k])
			}
		}
		c.noted[i] = nil
	}
	c.sealed = true
	c.Rewind()
}

// Rewind restarts the numbering at the first row.
func (c *Counter) Rewind() { c.met = map[[16]byte]int{} }

// Equal reports whether any content came more than once.
func (c *Counter) Equal() bool { return len(c.twice) > 0 }

// Number returns how many rows have had this content, this one included.
func (c *Counter) Number(d Digest) int {
	if !c.sealed {
		c.Seal()
	}
	if _, repeated := slices.BinarySearch(c.twice, beginning(d)); !repeated {
		return 1
	}
	key := [16]byte(d[:16])
	c.met[key]++
	return c.met[key]
}

func beginning(d Digest) uint64 {
	var n uint64
	for _, b := range d[:8] {
		n = n<<8 | uint64(b)
	}
	return n
}
