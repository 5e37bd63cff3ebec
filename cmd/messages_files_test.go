package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/filelock"
)

// fileVerbs write, change and remove files.
func fileVerbs() map[string]messageVerb {
	return map[string]messageVerb{
		// file NAME TEXT, in which \n and \t stand for themselves.
		"file": func(w *messageWorld, rest string) {
			words := w.words(rest)
			text := unescaped(words[1])
			w.check(os.MkdirAll(filepath.Dir(w.path(words[0])), 0o700))
			w.check(os.WriteFile(w.path(words[0]), []byte(text), 0o600))
		},
		// replace NAME OLD NEW: in a file.
		"replace": func(w *messageWorld, rest string) {
			words := w.words(rest)
			file, data := w.onlyFile(words[0])
			if !bytes.Contains(data, []byte(words[1])) {
				w.t.Fatalf("%s: %q is not in %s:\n%s", w.row, words[1], words[0], data)
			}
			w.check(os.WriteFile(file, bytes.Replace(data, []byte(words[1]), []byte(words[2]), 1), 0o600))
		},
		// reframe NAME OLD NEW: in a file of the program, whose checksum is that of the new content.
		"reframe": func(w *messageWorld, rest string) {
			words := w.words(rest)
			file, data := w.onlyFile(words[0])
			head, content, _ := bytes.Cut(data, []byte("\n"))
			if !bytes.Contains(content, []byte(words[1])) {
				w.t.Fatalf("%s: %q is not in %s:\n%s\n%s", w.row, words[1], words[0], head, content)
			}
			kind, version := strings.Fields(string(head))[1], 0
			_, err := fmt.Sscan(strings.Fields(string(head))[2], &version)
			w.check(err)
			content = bytes.Replace(content, []byte(words[1]), []byte(words[2]), 1)
			w.check(os.WriteFile(file, atomicfile.Frame(kind, version, content), 0o600))
		},
		// large-file NAME: one of five mebibytes.
		"large-file": func(w *messageWorld, rest string) {
			w.check(os.WriteFile(w.path(rest), bytes.Repeat([]byte(" "), 5<<20), 0o600))
		},
		// shadow NAME: a folder takes the place of a file.
		"shadow": func(w *messageWorld, rest string) {
			w.check(errors.Join(os.Remove(w.path(rest)), os.Mkdir(w.path(rest), 0o700)))
		},
		"mkdir": func(w *messageWorld, rest string) { w.check(os.MkdirAll(w.path(rest), 0o700)) },
		"copy": func(w *messageWorld, rest string) {
			words := w.words(rest)
			if info, err := os.Stat(w.path(words[0])); err == nil && info.IsDir() {
				w.check(os.CopyFS(w.path(words[1]), os.DirFS(w.path(words[0]))))
				return
			}
			data, err := os.ReadFile(w.path(words[0]))
			w.check(err)
			w.check(os.WriteFile(w.path(words[1]), data, 0o600))
		},
		"link": func(w *messageWorld, rest string) {
			words := w.words(rest)
			w.check(os.Symlink(w.path(words[0]), w.path(words[1])))
		},
		"remove": func(w *messageWorld, rest string) {
			files, err := filepath.Glob(w.path(w.words(rest)[0]))
			w.check(err)
			if len(files) == 0 {
				w.t.Fatalf("%s: there is no %s", w.row, rest)
			}
			for _, f := range files {
				w.check(os.RemoveAll(f))
			}
		},
		"mode": func(w *messageWorld, rest string) {
			words := w.words(rest)
			var mode os.FileMode
			_, err := fmt.Sscanf(words[1], "%o", &mode)
			w.check(errors.Join(err, os.Chmod(w.path(words[0]), mode)))
		},
		// newer PATH: a file of the program becomes one of a newer version.
		"newer": func(w *messageWorld, rest string) {
			file, data := w.onlyFile(rest)
			head, content, _ := bytes.Cut(data, []byte("\n"))
			words := strings.Fields(string(head))
			w.check(os.WriteFile(file, atomicfile.Frame(words[1], 99, content), 0o600))
		},
		// lock PATH: another process holds it.
		"lock": func(w *messageWorld, rest string) {
			release, err := filelock.Acquire(w.t.Context(), w.path(w.expand(rest)), time.Second)
			w.check(err)
			w.t.Cleanup(release)
		},
		// newer-sandbox: the data of the sandbox becomes that of a newer version.
		"newer-sandbox": func(w *messageWorld, _ string) {
			file, data := w.onlyFile("state/sandbox/sandbox.db")
			head, content, _ := bytes.Cut(data, []byte("\n"))
			head = regexp.MustCompile(`"Version":\d+`).ReplaceAll(head[9:], []byte(`"Version":99`))
			sum := crc32.Checksum(head, crc32.MakeTable(crc32.Castagnoli))
			w.check(os.WriteFile(file, fmt.Appendf(nil, "%08x %s\n%s", sum, head, content), 0o600))
		},
	}
}

// onlyFile reads the only file of a pattern.
func (w *messageWorld) onlyFile(pattern string) (path string, data []byte) {
	files, err := filepath.Glob(w.path(pattern))
	w.check(err)
	if len(files) != 1 {
		w.t.Fatalf("%s: %s: %d files", w.row, pattern, len(files))
	}
	data, err = os.ReadFile(files[0])
	w.check(err)
	return files[0], data
}
