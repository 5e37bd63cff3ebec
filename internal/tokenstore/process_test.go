package tokenstore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// childWord as the first argument makes the test binary a process of its own that works on a store.
const childWord = "tokenstore-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childWord {
		if err := children[os.Args[2]](os.Args[3:]); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

// children are what such a process can do, by name.
var children = map[string]func(args []string) error{"put": childPut}

// childPut puts records, one after another: kind, folder, number of the process, number of records.
func childPut(args []string) error {
	number, rounds := atoi(args[2]), atoi(args[3])
	s, err := Open(childOptions(args[0], args[1]))
	if err != nil {
		return err
	}
	for n := range rounds {
		own, shared := numbered(number*1000+n), numbered(-1)
		r := pair(fmt.Sprint(number, "-", n), long)
		if err := s.Put(context.Background(), Item{own, r}, Item{shared, r}); err != nil {
			return err
		}
		if n%3 == 2 {
			if err := s.Delete(context.Background(), own); err != nil {
				return err
			}
		}
	}
	return nil
}

// childOptions are the options of the stores that processes share.
func childOptions(kind, dir string) Options {
	switch kind {
	case "keyring":
		return Options{Kind: KindKeyring, Dir: dir, Backend: folder{filepath.Join(dir, "items")}}
	case "plain":
		return Options{Kind: KindFile, Dir: dir, Plain: true}
	case "sealed":
		return Options{Kind: KindFile, Dir: dir, Passphrase: answer("a passphrase")}
	default:
		return moreChildOptions(kind, dir)
	}
}

func numbered(n int) Key { return key(fmt.Sprintf("00000000-0000-4000-8000-%012d", n+1)) }

func users(n int) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{numbered(i), pair(fmt.Sprint(i), 1500)}
	}
	return items
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// runChild runs a process to its end, in the environment given or, for nil, its parent's, and gives
// what it wrote to both streams.
func runChild(t testing.TB, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{childWord}, args...)...)
	cmd.Env = env
	// the race detector would hold each process up for a second
	cmd.Env = append(cmd.Environ(), "GORACE=atexit_sleep_ms=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func TestManyProcessesLoseNothing(t *testing.T) {
	for _, kind := range []string{"plain", "sealed", "keyring"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testProcesses(t, kind, t.TempDir(), 4, 6)
		})
	}
}

// testProcesses lets processes write side by side, from an empty store on, and looks for what each
// has put and not removed.
func testProcesses(t *testing.T, kind, dir string, processes, rounds int) {
	var all sync.WaitGroup
	for p := range processes {
		all.Go(func() {
			if out, err := runChild(t, nil, "put", kind, dir, strconv.Itoa(p+1), strconv.Itoa(rounds)); err != nil {
				t.Errorf("process %d: %v\n%s", p, err, out)
			}
		})
	}
	all.Wait()
	s := mustOpen(t, childOptions(kind, dir))
	kept := 1 // the shared one
	for p := range processes {
		for n := range rounds {
			if n%3 == 2 {
				wantNothing(t, s, numbered((p+1)*1000+n))
				continue
			}
			kept++
			wantRecord(t, s, numbered((p+1)*1000+n), pair(fmt.Sprint(p+1, "-", n), long))
		}
	}
	if r, err := s.Fresh(t.Context(), numbered(-1)); err != nil || len(r.Access.Reveal()) != long {
		t.Errorf("the record that all have written: %v", err)
	}
	if got, err := s.List(t.Context(), "prod"); err != nil || len(got) != kept {
		t.Errorf("%d of %d are listed, %v", len(got), kept, err)
	}
}
