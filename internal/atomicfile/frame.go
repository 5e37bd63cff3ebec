package atomicfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// What Unframe may find instead of what Frame wrote, for errors.Is.
var (
	ErrDamaged = errors.New("damaged: it is not what was written")
	ErrNewer   = errors.New("written by a newer version of this program")
)

// frameMagic begins every framed file.
const frameMagic = "telematicsctl"

// Frame puts a line before content that names its kind (one word) and version and holds a checksum
// of all three, so that a flipped bit, a file of another kind and one of a newer version are
// noticed:
//
//	telematicsctl KIND VERSION SHA-256
func Frame(kind string, version int, content []byte) []byte {
	return append([]byte(frameLine(kind, strconv.Itoa(version), content)), content...)
}

func frameLine(kind, version string, content []byte) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s\n", kind, version) // a hash takes everything
	_, _ = sum.Write(content)
	return fmt.Sprintf("%s %s %s %s\n", frameMagic, kind, version, hex.EncodeToString(sum.Sum(nil)))
}

// Unframe returns the content of what Frame wrote for the kind and version. The error is ErrNewer
// for a whole file of a higher version, and else ErrDamaged.
func Unframe(kind string, version int, data []byte) ([]byte, error) {
	line, content, found := bytes.Cut(data, []byte("\n"))
	words := bytes.Split(line, []byte(" "))
	if !found || len(words) != 4 || string(words[1]) != kind {
		return nil, ErrDamaged
	}
	n, err := strconv.Atoi(string(words[2]))
	if err != nil || string(line)+"\n" != frameLine(kind, string(words[2]), content) {
		return nil, ErrDamaged
	}
	switch {
	case n > version:
		return nil, ErrNewer
	case n < version:
		return nil, ErrDamaged
	}
	return content, nil
}
