package journal

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// The texts of a row are its ClientId, action, failure code, reason, changes and
// detail, each with its length before it. A reason that came before is written
// as where it stands, since a service that fails says the same many times.
const (
	longestText   = 2000    // bytes of a reason that are kept
	longestDetail = 1 << 20 // bytes of changes and of detail that are kept
	mostKnown     = 256     // reasons that are remembered
)

// lostText stands for a reason that a power cut took.
const lostText = "the reason was lost when the machine went down"

type texts struct {
	end     int64            // where the next text goes
	pending []byte           // appended, and not written yet
	known   map[string]place // reasons that were written before
}

// add appends the texts of an entry and returns their place.
func (t *texts) add(e *Entry) place {
	clientID := e.ClientID
	if hasShortID(e) {
		clientID = ""
	}
	if clientID == "" && e.Text == "" && e.Action == "" && len(e.Changes) == 0 && len(e.Detail) == 0 {
		return place{}
	}
	begin := len(t.pending)
	b := t.pending
	for _, s := range []string{clientID, e.Action, e.Code} {
		b = appendText(b, s)
	}
	reason := strings.ToValidUTF8(e.Text[:min(len(e.Text), longestText)], "")
	known, ok := t.known[reason]
	if ok && reason != "" {
		b = append(b, 1)
		b = binary.AppendUvarint(b, uint64(known.at))     //nolint:gosec // never negative
		b = binary.AppendUvarint(b, uint64(known.length)) //nolint:gosec // never negative
		b = binary.LittleEndian.AppendUint32(b, known.sum)
	} else {
		b = append(b, 0)
		b = appendText(b, reason)
		if reason != "" && len(t.known) < mostKnown {
			at := t.end + int64(len(b)-begin-len(reason))
			t.known[reason] = place{at, len(reason), crc32.Checksum([]byte(reason), castagnoli())}
		}
	}
	b = appendText(b, e.Changes[:min(len(e.Changes), longestDetail)])
	b = appendText(b, e.Detail[:min(len(e.Detail), longestDetail)])
	p := place{t.end, len(b) - begin, crc32.Checksum(b[begin:], castagnoli())}
	t.pending, t.end = b, t.end+int64(p.length)
	return p
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// readTexts completes an entry by its texts.
func readTexts(f File, e *Entry, p place) {
	b := make([]byte, p.length)
	if n, _ := f.ReadAt(b, p.at); n < p.length || crc32.Checksum(b, castagnoli()) != p.sum {
		e.Text = lostText
		return
	}
	d := textDecoder{b}
	if id := d.next(); len(id) > 0 {
		e.ClientID = string(id)
	}
	e.Action, e.Code = string(d.next()), string(d.next())
	if d.byte() == 1 {
		e.Text = readReason(f, place{int64(d.uvarint()), int(d.uvarint()), d.uint32()}) //nolint:gosec // as written
	} else {
		e.Text = string(d.next())
	}
	e.Changes, e.Detail = d.next(), d.next()
}

func readReason(f File, p place) string {
	if p.length < 0 || p.length > longestText {
		return lostText
	}
	b := make([]byte, p.length)
	if n, _ := f.ReadAt(b, p.at); n < p.length || crc32.Checksum(b, castagnoli()) != p.sum {
		return lostText
	}
	return string(b)
}

// textDecoder reads what add wrote. At the end of its bytes it gives zeros.
type textDecoder struct{ b []byte }

func (d *textDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	d.b = d.b[max(n, 0):]
	return v
}

func (d *textDecoder) next() []byte {
	n := min(d.uvarint(), uint64(len(d.b)))
	text := d.b[:n]
	d.b = d.b[n:]
	return text
}

func (d *textDecoder) byte() byte {
	if len(d.b) == 0 {
		return 0
	}
	b := d.b[0]
	d.b = d.b[1:]
	return b
}

func (d *textDecoder) uint32() uint32 {
	if len(d.b) < 4 {
		d.b = nil
		return 0
	}
	v := binary.LittleEndian.Uint32(d.b)
	d.b = d.b[4:]
	return v
}
