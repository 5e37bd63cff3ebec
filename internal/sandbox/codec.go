package sandbox

import (
	"encoding/binary"
	"errors"
	"time"
)

// text is a text that may be missing.
type text struct {
	string
	there bool
}

func said(s string) text { return text{s, true} }

// Users are stored in a form of their own: a find may return thousands, and JSON costs ten times as much to read. A
// record is, in this order: DeviceToken, instance, registration in microseconds, Status, ActivityStatus, the flags that were
// said and those that are on, generation, ClientId, IdentityId, IdentityProvider, how many profile fields and these, how
// many device fields and these. Numbers are varints; a text is its length plus one and its bytes, 0 where it is missing.

func (u *user) encode() []byte {
	b := make([]byte, 0, 256)
	b = appendText(b, said(u.Token))
	b = binary.AppendUvarint(b, u.Instance)
	b = binary.AppendVarint(b, u.Created.UnixMicro())
	b = appendText(b, said(u.Status))
	b = appendText(b, said(u.Activity))
	b = append(b, u.Said, u.On)
	b = binary.AppendUvarint(b, u.Generation)
	for _, t := range []text{u.ClientID, u.IdentityID, u.IdentityProvider} {
		b = appendText(b, t)
	}
	for _, list := range [][]text{u.Profile, u.Device} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, t := range list {
			b = appendText(b, t)
		}
	}
	return b
}

func appendText(b []byte, t text) []byte {
	if !t.there {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(t.string))+1)
	return append(b, t.string...)
}

var errRecord = errors.New("a user's record is damaged")

// decoder reads what encode wrote; bad is set where that cannot be.
type decoder struct {
	rest string
	bad  bool
}

// decode reads a record into a user. Lists that the user has already are used again: whoever keeps a user reads the next
// one into another.
func (u *user) decode(data []byte) error {
	d := decoder{rest: string(data)} // one copy, of which every text is a part
	u.Token, u.Instance = d.text().string, d.number()
	u.Created = time.UnixMicro(d.signed()).UTC()
	u.Status, u.Activity = d.text().string, d.text().string
	u.Said, u.On = d.byte(), d.byte()
	u.Generation = d.number()
	u.ClientID, u.IdentityID, u.IdentityProvider = d.text(), d.text(), d.text()
	u.Profile = d.texts(u.Profile, len(profileFields))
	u.Device = d.texts(u.Device, len(deviceFields))
	if d.bad {
		return errRecord
	}
	return nil
}

func (d *decoder) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// number reads a varint as encoding/binary writes it, which itself reads bytes only.
func (d *decoder) number() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	d.bad = true
	return 0
}

func (d *decoder) signed() int64 {
	v := d.number()
	return int64(v>>1) ^ -int64(v&1) // the sign is the lowest bit
}

func (d *decoder) text() text {
	length := d.number()
	if length == 0 {
		return text{}
	}
	length--
	if length > uint64(len(d.rest)) {
		d.bad = true
		return text{}
	}
	t := said(d.rest[:length])
	d.rest = d.rest[length:]
	return t
}

func (d *decoder) texts(list []text, most int) []text {
	n := d.number()
	if n > uint64(most) { //nolint:gosec // a short list
		d.bad = true
	}
	if n == 0 || d.bad {
		return nil
	}
	if cap(list) < most {
		list = make([]text, most)
	}
	list = list[:most]
	clear(list)
	for i := range n {
		list[i] = d.text()
	}
	return list
}
