package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"sync"

	"github.com/google/uuid"
)

// The file is a log of changes. Each line is a checksum (CRC-32C, eight hexadecimal
// digits), a blank and JSON: the first the format, each other one a list of changes that
// were made together.

// formatVersion changes whenever what is stored can no longer be read as it was.
const formatVersion = 4

// format is the first line. ID differs in each file.
type format struct {
	Format  string
	Version int
	ID      uuid.UUID `json:"Id"`
}

const formatName = "telematicsctl sandbox"

var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// errNewer says that the file is a newer version's.
var errNewer = errors.New("written by a newer version of this program")

// errVersion says that the file is another version's.
var errVersion = errors.New("it is another version's")

// appendLine appends a line that holds a value.
func appendLine(b []byte, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return b, err
	}
	b = fmt.Appendf(b, "%08x ", crc32.Checksum(data, castagnoli()))
	return append(append(b, data...), '\n'), nil
}

// parseLine checks a line, without its end, and reads its value.
func parseLine(line []byte, into any) error {
	if len(line) < 10 || line[8] != ' ' {
		return errors.New("a line is damaged")
	}
	if want := fmt.Sprintf("%08x", crc32.Checksum(line[9:], castagnoli())); string(line[:8]) != want {
		return errors.New("a checksum is wrong")
	}
	return json.Unmarshal(line[9:], into)
}

// parseFormat checks the first line.
func parseFormat(line []byte) error {
	if !bytes.Contains(line, []byte(formatName)) {
		return errVersion
	}
	var f format
	if err := parseLine(line, &f); err != nil {
		return err
	}
	if f.Format == formatName && f.Version > formatVersion {
		return errNewer
	}
	if f.Format != formatName || f.Version != formatVersion {
		return errVersion
	}
	return nil
}

// replay applies the lines of data to a state and returns how many bytes they are: a last
// line without an end was cut off by the end of a process and does not count. first says
// that data begins with the format.
func replay(s *State, data []byte, first bool) (used int, changes int, err error) {
	end := bytes.LastIndexByte(data, '\n') + 1
	lines := bytes.Split(data[:end], []byte{'\n'})
	lines = lines[:len(lines)-1] // behind the last line's end
	if first {
		if len(lines) == 0 {
			return 0, 0, errVersion
		}
		if err := parseFormat(lines[0]); err != nil {
			return 0, 0, err
		}
		lines = lines[1:]
	}
	parsed, err := parseLines(lines)
	if err != nil {
		return 0, 0, err
	}
	for _, line := range parsed {
		for i := range line {
			s.apply(&line[i])
		}
		changes += len(line)
	}
	return end, changes, nil
}

// parseLines parses lines side by side: to parse is most of the work of reading a large file.
func parseLines(lines [][]byte) ([][]Change, error) {
	parsed := make([][]Change, len(lines))
	workers := min(runtime.GOMAXPROCS(0), len(lines)/64+1)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w * len(lines) / workers; i < (w+1)*len(lines)/workers && errs[w] == nil; i++ {
				if err := parseLine(lines[i], &parsed[i]); err != nil {
					errs[w] = fmt.Errorf("line %d: %w", i+2, err)
				}
			}
		})
	}
	wg.Wait()
	return parsed, errors.Join(errs...)
}

// writeSnapshot writes a whole file: the format and what makes the state.
func writeSnapshot(w io.Writer, s *State) error {
	line, err := appendLine(nil, format{formatName, formatVersion, uuid.New()})
	if err != nil {
		return err
	}
	for c := range s.snapshot {
		if _, err = w.Write(line); err != nil {
			return err
		}
		if line, err = appendLine(line[:0], []Change{c}); err != nil {
			return err
		}
	}
	_, err = w.Write(line)
	return err
}
