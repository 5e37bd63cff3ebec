package sandbox

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func FuzzRecord(f *testing.F) {
	u := user{Token: "t", Instance: 3, Status: statusDeleted, ClientID: said("c"), Device: make([]text, len(deviceFields))}
	u.setText("City", said("Bonn"))
	u.setFlag("Enabled", false)
	f.Add(u.encode())
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		var u user
		if u.decode(data) != nil {
			return
		}
		again := user{Profile: make([]text, len(profileFields)), Device: make([]text, len(deviceFields))}
		again.setText("City", said("of another"))
		if err := again.decode(u.encode()); err != nil || !bytes.Equal(again.encode(), u.encode()) {
			t.Errorf("%x is read as %+v, and that as %+v, %v", data, u, again, err)
		}
	})
}

// The two engines are one to the model: the same writes leave the same keys, in the same order, and what was not kept was not.
func TestBothEnginesAreOneStore(t *testing.T) {
	file := newBolt(t.TempDir(), func(tx) {})
	release, err := file.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		release()
		if err := file.close(); err != nil {
			t.Error(err)
		}
	}()
	memory := newMemory()
	dice := rand.New(rand.NewPCG(7, 7))
	for round := range 150 {
		type write struct {
			key   string
			value []byte
		}
		var writes []write
		for range dice.IntN(20) {
			w := write{key: strings.Repeat("k", 1+dice.IntN(30)) + fmt.Sprint(dice.IntN(60))}
			if dice.IntN(4) == 0 {
				w.key = numbered(prefixUser, 1+dice.Uint64N(40))
			}
			if dice.IntN(3) > 0 {
				w.value = bytes.Repeat([]byte{byte(round)}, dice.IntN(dice.IntN(3)*70000+50))
			}
			writes = append(writes, w)
		}
		keep := dice.IntN(3) > 0
		for _, e := range []engine{memory, file} {
			err := e.update(func(t tx) bool {
				for _, w := range writes {
					if w.value == nil {
						t.delete(w.key)
					} else {
						t.put(w.key, w.value)
					}
				}
				return keep
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	a, b := content(t, memory), content(t, file)
	if !slices.Equal(a, b) || len(a) < 50 {
		t.Errorf("memory has %d entries, the file %d", len(a), len(b))
	}
	for _, from := range []string{"", "k", "kkkkk3", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", "z"} {
		if a, b := around(t, memory, from), around(t, file, from); a != b {
			t.Errorf("around %q: %s and %s", from, a, b)
		}
	}
}

func content(t *testing.T, e engine) (out []string) {
	t.Helper()
	err := e.view(func(x tx) {
		state{x}.each("", func(key string) bool {
			out = append(out, fmt.Sprintf("%s=%x", key, x.get(key)))
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// around is the keys on both sides of a place.
func around(t *testing.T, e engine, place string) (out string) {
	t.Helper()
	err := e.view(func(x tx) {
		for _, go1 := range []func(cursor) bool{func(c cursor) bool { return c.seek(place) }, func(c cursor) bool { return c.seekBefore(place) }} {
			for _, step := range []func(cursor) bool{cursor.next, cursor.prev} {
				c := x.cursor()
				for ok, n := go1(c), 0; ok && n < 5; ok, n = step(c), n+1 {
					out += string(c.key()) + " "
				}
				out += "| "
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Room that is given back is used again: a sandbox that users come to and leave does not grow.
func TestSlabsDoNotGrowWithoutNeed(t *testing.T) {
	m := newMemory()
	turn := func() {
		for i := range 2000 {
			err := m.update(func(t tx) bool {
				t.put(fmt.Sprint("key", i), bytes.Repeat([]byte{1}, i%300))
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 2000 {
			if err := m.update(func(t tx) bool { t.delete(fmt.Sprint("key", i)); return true }); err != nil {
				t.Fatal(err)
			}
		}
	}
	turn()
	before := len(m.slabs.chunks)
	for range 20 {
		turn()
	}
	if after := len(m.slabs.chunks); after > before {
		t.Errorf("%d chunks, then %d", before, after)
	}
}

// A sandbox that users come to and leave keeps nothing of them.
func TestNothingIsLeftOfADeletedUser(t *testing.T) {
	box, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := content(t, box.engine)
	c := call{Sandbox: box, now: time.Now()}
	a := c.change(func(s state) (answer, bool) {
		in, _ := s.instanceByID(InstanceID)
		ch := change{createToken: true, profile: map[string]text{"City": said("Bonn")}, flags: map[string]bool{"EnableRealTimeLocation": true}, status: statusDeactivated}
		one := c.create(s, in, ch)
		u, _ := s.userByToken(*one.DeviceToken)
		c.issue(s, s.userClaims(u, in), signInLife)
		return done(), true
	})
	if a.err != nil || len(content(t, box.engine)) < len(before)+10 {
		t.Fatal(a.err, "nothing was made")
	}
	c.change(func(s state) (answer, bool) {
		u, _ := s.user(1)
		s.deleteUser(u)
		s.delete(keySequence)
		s.delete(numbered(prefixCount, u.Instance))
		return done(), true
	})
	if after := content(t, box.engine); !slices.Equal(after, before) {
		t.Errorf("left: %q", after)
	}
}

// A state of another version of the program is an error that says so, not a wrong reading.
func TestAStateOfAnotherFormat(t *testing.T) {
	dir := t.TempDir()
	b := newBolt(dir, func(x tx) { x.put(keyFormat, []byte("0")) })
	release, err := b.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := b.close(); err != nil {
		t.Fatal(err)
	}
	box, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := box.engine.acquire(t.Context()); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("got %v", err)
	}
	if err := box.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if release, err = box.engine.acquire(t.Context()); err != nil {
		t.Fatalf("after the reset: %v", err)
	}
	release()
}
