package apply

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// planVersion is the version of the format of saved plans.
const planVersion = 1

// tokensInLine is how many DeviceTokens one line of a saved plan lists.
const tokensInLine = 500

// list is a line of a saved plan that is not an action: users to adopt, and users who are known to
// be deactivated.
type list struct {
	Adopt    []uuid.UUID `json:",omitempty"`
	Inactive []uuid.UUID `json:",omitempty"`
}

// foot is the last line of a saved plan.
type foot struct {
	Summary    Summary
	Normalized []Normalized `json:",omitempty"`
	Cannot     []string     `json:",omitempty"`
	Digest     string       // SHA-256 of all lines before, with the foot's own members but this one
}

// Encode writes a plan as JSON Lines: the head, one line an action, and the foot with the checksum.
func (p *Plan) Encode(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	sum := sha256.New()
	e := json.NewEncoder(io.MultiWriter(out, sum))
	e.SetEscapeHTML(false)
	head := p.Head
	head.Version = planVersion
	if err := e.Encode(head); err != nil {
		return err
	}
	for i := range p.Actions {
		if err := e.Encode(&p.Actions[i]); err != nil {
			return err
		}
	}
	for rest := p.Adopt; len(rest) > 0; rest = rest[min(len(rest), tokensInLine):] {
		if err := e.Encode(list{Adopt: rest[:min(len(rest), tokensInLine)]}); err != nil {
			return err
		}
	}
	for rest := p.Inactive; len(rest) > 0; rest = rest[min(len(rest), tokensInLine):] {
		if err := e.Encode(list{Inactive: rest[:min(len(rest), tokensInLine)]}); err != nil {
			return err
		}
	}
	f := foot{Summary: p.Summary, Normalized: p.Normalized, Cannot: p.Cannot}
	f.Digest = digestOf(sum, f)
	last, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, _ = out.Write(append(last, '\n')) // Flush has the error
	return out.Flush()
}

func digestOf(lines hash.Hash, f foot) string {
	f.Digest = ""
	text, _ := json.Marshal(f) // it can be marshaled
	_, _ = lines.Write(text)
	return hex.EncodeToString(lines.Sum(nil))
}

var (
	errNotPlan = errors.New("not a plan")
	errDamaged = errors.New("damaged: it is not what was written")
	errNewer   = errors.New("written by a newer version of this program")
)

// Decode reads a plan that was saved. Anything that is not exactly what was written is
// failure.Invalid (ReasonPlan). name is what messages call it.
func Decode(r io.Reader, name string) (*Plan, error) {
	p, err := decode(bufio.NewReaderSize(r, 1<<16))
	if err != nil {
		return nil, (&failure.Error{Code: failure.Invalid, Message: fmt.Sprintf("%s: %s", name, err), Cause: err}).
			Because(ReasonPlan, name)
	}
	return p, nil
}

func decode(in *bufio.Reader) (*Plan, error) {
	p, sum := &Plan{}, sha256.New()
	line, err := in.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case json.Unmarshal(line, &p.Head) != nil || p.Head.Version == 0:
		return nil, errNotPlan
	case p.Head.Version > planVersion:
		return nil, errNewer
	}
	for ended := false; ; {
		if len(line) == 0 || line[len(line)-1] != '\n' {
			return nil, errDamaged
		}
		_, _ = sum.Write(line)
		if line, err = in.ReadBytes('\n'); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if ended, err = p.take(line, sum); err != nil {
			return nil, err
		}
		if ended {
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
				return nil, errDamaged
			}
			return p, nil
		}
	}
}

// take reads one line; ended reports that it was the foot, and that the checksum is right.
func (p *Plan) take(line []byte, sum hash.Hash) (ended bool, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var got struct {
		Action
		list
		foot
	}
	if d.Decode(&got) != nil {
		return false, errDamaged
	}
	switch {
	case got.Digest != "":
		p.Summary, p.Normalized, p.Cannot = got.Summary, got.Normalized, got.Cannot
		if exact, err := json.Marshal(got.foot); err != nil || string(exact)+"\n" != string(line) ||
			digestOf(sum, got.foot) != got.Digest {
			return false, errDamaged
		}
		return true, nil
	case got.Action.Action != "":
		p.Actions = append(p.Actions, got.Action)
	default:
		p.Adopt = append(p.Adopt, got.Adopt...)
		p.Inactive = append(p.Inactive, got.Inactive...)
	}
	return false, nil
}
