package tokenstore

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

func keyringOver(t testing.TB, dir string, backend Backend) *keyringStore {
	t.Helper()
	return mustOpen(t, Options{Kind: KindKeyring, Dir: dir, Backend: backend}).(*keyringStore)
}

// The lengths, in bytes, of a JWT whose record is whole in one item, and of ones that need parts.
const (
	short  = 1_000
	long   = 6_000
	longer = 15_000
)

// A write that is cut short after any number of changes to the keyring leaves the old record or the
// new one, and whatever it leaves besides is gone after the next write and removal.
func TestACrashLeavesTheOldRecordOrTheNew(t *testing.T) {
	eachKeyring(t, limited, func(t *testing.T, backend Backend) {
		for _, from := range []int{0, short, long, longer} {
			for _, to := range []int{0, short, long, longer} {
				if _, isReal := backend.(within); isReal && !enough[[2]int{from, to}] {
					continue
				}
				t.Run(fmt.Sprintf("from %d to %d bytes", from, to), func(t *testing.T) {
					for n := 0; !crashAfter(t, backend, n, from, to); n++ {
					}
				})
			}
		}
	})
}

// enough are the ways from a record to another that are gone over a real keyring, which takes its
// time for each write.
var enough = map[[2]int]bool{{0, long}: true, {long, longer}: true, {longer, short}: true, {long, 0}: true}

// crashAfter goes from a record to another (0 for none), lets the keyring stop after n
// changes, and looks at what is there. It reports whether the write came to its end, and
// leaves the keyring empty.
func crashAfter(t *testing.T, backend Backend, n, from, to int) (done bool) {
	t.Helper()
	dir := t.TempDir()
	if from > 0 {
		mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("old", from)})
	}
	crash := &stopping{backend, n}
	dying := keyringOver(t, dir, crash)
	var err error
	if to > 0 {
		err = dying.Put(t.Context(), Item{key(alice), pair("new", to)})
	} else {
		err = dying.Delete(t.Context(), key(alice))
	}

	after := keyringOver(t, dir, backend)
	got, getErr := after.Get(t.Context(), key(alice))
	isOld := from > 0 && getErr == nil && got == pair("old", from) || from == 0 && errors.Is(getErr, ErrNotFound)
	isNew := to > 0 && getErr == nil && got == pair("new", to) || to == 0 && errors.Is(getErr, ErrNotFound)
	if !isOld && !isNew {
		t.Fatalf("after %d changes neither the old record nor the new: %v", n, getErr)
	}
	if err == nil && !isNew {
		t.Fatalf("after %d changes the write was said to be done, and is not", n)
	}
	mustPut(t, after, Item{key(alice), pair("next", long)})
	wantRecord(t, keyringOver(t, dir, backend), key(alice), pair("next", long))
	if err := after.Delete(t.Context(), key(alice)); err != nil {
		t.Fatal(err)
	}
	if names := names(t, backend); len(names) != 0 {
		t.Fatalf("after %d changes, a write and a removal there is still %q", n, names)
	}
	return err == nil && crash.left > 0
}

func TestWholeWritesLeaveNoOldParts(t *testing.T) {
	eachKeyring(t, limited, func(t *testing.T, backend Backend) {
		s := keyringOver(t, t.TempDir(), backend)
		for _, length := range []int{longer, long, longer, short} {
			mustPut(t, s, Item{key(alice), pair("x", length)})
			gens := map[string]bool{}
			for _, name := range names(t, backend) {
				if _, part, isPart := strings.Cut(name, "#"); isPart {
					gens[part[:1]] = true
				}
			}
			if len(gens) > 1 || (length == short) != (len(gens) == 0) {
				t.Errorf("after %d bytes there is %q", length, names(t, backend))
			}
		}
	})
}

// Without a limit, a rotation is one call.
func TestARotationIsOneWriteWhereTheRecordFits(t *testing.T) {
	backend := newFake()
	s := keyringOver(t, t.TempDir(), backend)
	for n, length := range []int{short, longer, short} {
		mustPut(t, s, Item{key(alice), pair("x", length)})
		if backend.calls != n+1 && n > 0 {
			t.Errorf("%d calls for %d writes", backend.calls, n+1)
		}
		backend.set(func(f *fake) { f.calls = n + 1 }) // the first one also looks for what is there already
	}
}

func TestAPlatformsLimitIsUsedToTheFull(t *testing.T) {
	eachKeyring(t, limited, func(t *testing.T, backend Backend) {
		for _, user := range []string{manifestUser(key(SubjectAdmin)), chunkUser(key(alice), "b", 12)} {
			limit := backend.Limit(service, user)
			if err := backend.Set(service, user, strings.Repeat("x", limit)); err != nil {
				t.Errorf("%s takes no %d bytes: %v", user, limit, err)
			}
			if err := backend.Set(service, user, strings.Repeat("x", limit+10)); err == nil {
				t.Errorf("%s takes more than %d bytes: it tests nothing", user, limit)
			}
		}
	})
}

// windows is the platform that takes the least.
var windows = map[string]func() *fake{"Windows": windowsFake}

func TestHalfARecordIsDamaged(t *testing.T) {
	manifest, part := "prod/"+alice, "prod/"+alice+"#a."
	for name, harm := range map[string]func(map[string]string){
		"a part is missing":        func(m map[string]string) { delete(m, part+"1") },
		"the last part is missing": func(m map[string]string) { delete(m, part+"2") },
		"a part is another's":      func(m map[string]string) { m[part+"1"] = m[part+"0"] },
		"a part is cut short":      func(m map[string]string) { m[part+"2"] = m[part+"2"][1:] },
		"the manifest counts too few": func(m map[string]string) {
			m[manifest] = strings.Replace(m[manifest], `"chunks":3`, `"chunks":2`, 1)
		},
		"the manifest counts too many": func(m map[string]string) {
			m[manifest] = strings.Replace(m[manifest], `"chunks":3`, `"chunks":9999`, 1)
		},
		"the manifest counts below none": func(m map[string]string) {
			m[manifest] = strings.Replace(m[manifest], `"chunks":3`, `"chunks":-1`, 1)
		},
		"the manifest is something else": func(m map[string]string) { m[manifest] = "something else" },
		"the manifest is empty":          func(m map[string]string) { m[manifest] = "" },
		"the manifest is null":           func(m map[string]string) { m[manifest] = "null" },
	} {
		t.Run(name, func(t *testing.T) {
			eachKeyring(t, windows, func(t *testing.T, backend Backend) {
				dir := t.TempDir()
				mustPut(t, keyringOver(t, dir, backend), Item{key(alice), pair("x", long)})
				alter(t, backend, harm)
				s := keyringOver(t, dir, backend)
				_, err := s.Get(t.Context(), key(alice))
				wantBroken(t, err, ErrDamaged, "damaged", ReasonRecordDamaged)
				if got := subjects(t, dir, backend); got != alice {
					t.Errorf("one damaged record spoils the list: %q", got)
				}
				mustPut(t, s, Item{key(alice), pair("new", long)})
				wantRecord(t, s, key(alice), pair("new", long))
			})
		})
	}
}

func TestADamagedRecordNamesItsSubject(t *testing.T) {
	for _, subject := range []string{SubjectAdmin, SubjectAdminPassword, SubjectInstanceKey, SubjectIdentityKey, bob} {
		backend := newFake()
		backend.items["telematicsctl:prod/"+subject] = "{"
		_, err := keyringOver(t, t.TempDir(), backend).Get(t.Context(), key(subject))
		wantBroken(t, err, ErrDamaged, "the keyring's record for "+subject+" of profile prod is damaged", ReasonRecordDamaged)
		if e := failure.From(err); e.Subject != subject {
			t.Errorf("%s: about %q", subject, e.Subject)
		}
	}
}

func TestARecordBeyondAllMeasureIsRefusedAndTheOldOneKept(t *testing.T) {
	s := keyringOver(t, t.TempDir(), windowsFake())
	mustPut(t, s, Item{key(alice), pair("old", long)})
	if err := s.Put(t.Context(), Item{key(alice), pair("new", windowsLimit*maxChunks)}); err == nil {
		t.Error("a record that cannot be read again was written")
	}
	wantRecord(t, s, key(alice), pair("old", long))
}

// A reader meets a record while it is being replaced, again and again: it gets a whole one each
// time.
func TestAReaderBesideAWriterSeesWholeRecords(t *testing.T) {
	eachKeyring(t, windows, func(t *testing.T, backend Backend) {
		dir := t.TempDir()
		writer, reader := keyringOver(t, dir, backend), keyringOver(t, dir, backend)
		mustPut(t, writer, Item{key(alice), pair("0", long)})
		stop := make(chan struct{})
		var both sync.WaitGroup
		both.Go(func() {
			for range 100 {
				if r, err := reader.Fresh(t.Context(), key(alice)); err != nil || len(r.Access.Reveal()) < long {
					t.Errorf("read %d bytes, %v", len(r.Access.Reveal()), err)
				}
			}
			close(stop)
		})
		both.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
					mustPutItem(t, writer, Item{key(alice), pair(fmt.Sprint(n), long+n%3*3000)})
				}
			}
		})
		both.Wait()
	})
}

// mustPutItem is mustPut for a goroutine of a test.
func mustPutItem(t *testing.T, s Store, item Item) {
	if err := s.Put(t.Context(), item); err != nil {
		t.Error(err)
	}
}
