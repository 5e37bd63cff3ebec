package journal

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
)

// Whatever stands in a slot, a row is never taken for settled unless the checksum says so, and what is read is written back the same.
func FuzzSlot(f *testing.F) {
	f.Add(make([]byte, slotSize))
	f.Add(encode(Entry{State: Created, Token: uuid.New()}, 0, 0))
	f.Add(encode(Entry{State: Failed, Again: true, Theirs: true}, 1<<40, longestText))
	f.Fuzz(func(t *testing.T, slot []byte) {
		if len(slot) != slotSize {
			t.Skip("a slot has 32 bytes")
		}
		e, at, length := decode(slot, true)
		switch {
		case e.State == Untouched && !bytes.Equal(slot, make([]byte, slotSize)):
			// The checksum of an untouched row's slot that was written again is not zero.
			if !bytes.Equal(encode(e, at, length), slot) && !bytes.Equal(encode(e, at, length)[:28], slot[:28]) {
				t.Fatalf("%x is taken for untouched", slot)
			}
		case e.State > Sent && slot[1]&^(flagAgain|flagTheirs) == 0 && !bytes.Equal(encode(e, at, length), slot):
			t.Fatalf("%x is read as %+v and written as %x", slot, e, encode(e, at, length))
		}
	})
}
