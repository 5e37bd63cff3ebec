// Package fault makes a sandbox fail on purpose: the grammar of faults, the calls they
// apply to, and their effects.
package fault

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Fault is how some calls fail. Parse makes one of its text, and String gives the text back.
type Fault struct {
	method  string // "" is any
	path    string // one path of the contract, or a prefix that ends in *
	exact   bool   // the path's case counts: all the calls that it names are of hosts whose paths are exact
	effects []Effect
	text    string
}

// Effect is one thing that happens to some of the requests; the zero value is nothing.
type Effect struct {
	kind   effectKind
	chance float64 // 0 to 1

	wait, jitter time.Duration // latency and slow
	retryAfter   time.Duration // of a status
	status       int           // of a status, and of a failing envelope
	shape        string        // the body of a status: json, html or empty
	after        bool          // a status or a broken connection: the call is carried out anyway
	size         int64         // huge, in bytes
}

type effectKind string

// The kinds of fault, by the words of their grammar. A status is its number there.
const (
	effectLatency    effectKind = "latency"     // the answer comes later
	effectStatus     effectKind = "status"      // another answer instead
	effectDropBefore effectKind = "drop-before" // the connection breaks and nothing was done
	effectDropAfter  effectKind = "drop-after"  // the call is carried out, and the connection breaks
	effectReset      effectKind = "reset"       // the same two, and the client's system hears that it was reset
	effectTruncated  effectKind = "truncated"   // the body ends half way
	effectSlow       effectKind = "slow"        // the body comes little by little
	effectHuge       effectKind = "huge"        // the body is padded to a size
	effectWrongType  effectKind = "wrong-type"  // the body is said to be HTML
	effectEnvelope   effectKind = "envelope"    // HTTP 200, and the failure in Status alone
)

// Grammar is what Parse reads, for help texts.
const Grammar = `[METHOD] PATH: EFFECT [CHANCE%], EFFECT [CHANCE%], ...
PATH is a path of the contract, or a prefix that ends in *. EFFECT is latency
20ms, latency 20ms+-10ms, drop-before, drop-after, reset, truncated, slow 2s,
huge 64MB, wrong-type, envelope [STATUS], or a status such as 503, optionally
followed by json, html or empty (its body) and retry-after 30s. After reset or a
status, "after" carries the call out anyway.`

// Parse reads a fault; its error, of code invalid, says what is wrong with the text.
// Whether there is such a call is for Bind to say.
func Parse(text string) (Fault, error) {
	f := Fault{text: strings.TrimSpace(text)}
	where, what, ok := strings.Cut(f.text, ":")
	if !ok {
		return f, invalid(text, "no : after the path")
	}
	words := strings.Fields(where)
	switch len(words) {
	case 2:
		f.method, f.path = strings.ToUpper(words[0]), words[1]
	case 1:
		f.path = words[0]
	}
	if f.method == "*" {
		f.method = ""
	}
	if f.path != "*" && !strings.HasPrefix(f.path, "/") {
		return f, invalid(text, "the path must be * or begin with /")
	}
	for _, part := range strings.Split(what, ",") {
		e, err := parseEffect(strings.Fields(part))
		if err != nil {
			return f, invalid(text, err.Error())
		}
		f.effects = append(f.effects, e)
	}
	return f, nil
}

// ReasonInvalid is that of a text that is not a fault; the subject is the text.
const ReasonInvalid failure.Reason = "invalid-fault"

func invalid(text, why string) error {
	return failure.Newf(failure.Invalid, "invalid fault %q: %s", text, why).Because(ReasonInvalid, text)
}

// String is the text that the fault was read from.
func (f Fault) String() string { return f.text }

func parseEffect(words []string) (Effect, error) {
	e := Effect{chance: 1, shape: "json"}
	if n := len(words); n > 0 && strings.HasSuffix(words[n-1], "%") {
		p, err := strconv.ParseFloat(strings.TrimSuffix(words[n-1], "%"), 64)
		if err != nil || p < 0 || p > 100 || math.IsNaN(p) {
			return e, fmt.Errorf("%s is not a percentage", words[n-1])
		}
		e.chance, words = p/100, words[:n-1]
	}
	if len(words) == 0 {
		return e, fmt.Errorf("no effect")
	}
	e.kind = effectKind(strings.ToLower(words[0]))
	rest := words[1:]
	var err error
	switch e.kind {
	case effectDropAfter:
		e.after = true
	case effectDropBefore, effectTruncated, effectWrongType:
	case effectReset:
		if len(rest) > 0 && strings.EqualFold(rest[0], "after") {
			e.after, rest = true, rest[1:]
		}
	case effectLatency, effectSlow:
		rest, err = e.parseWait(rest)
	case effectHuge:
		rest, err = e.parseSize(rest)
	case effectEnvelope:
		e.status = http.StatusUnprocessableEntity
		if len(rest) > 0 {
			e.status, err = parseStatus(rest[0])
			rest = rest[1:]
		}
	default:
		e.kind = effectStatus
		if e.status, err = parseStatus(words[0]); err == nil {
			rest, err = e.parseStatusWords(rest)
		}
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unexpected %q after %s", rest[0], words[0])
	}
	return e, err
}

func parseStatus(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 200 || n > 599 {
		return 0, fmt.Errorf("%q is neither an effect nor a status", word)
	}
	return n, nil
}

// parseWait reads 20ms, or 20ms±10ms, also written 20ms+-10ms.
func (e *Effect) parseWait(words []string) ([]string, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("%s must have a duration", e.kind)
	}
	wait, jitter, has := strings.Cut(strings.Replace(words[0], "+-", "±", 1), "±")
	var err error
	if e.wait, err = parseDuration(wait); err != nil {
		return nil, err
	}
	if has {
		if e.jitter, err = parseDuration(jitter); err != nil {
			return nil, err
		}
		if e.jitter > e.wait {
			return nil, fmt.Errorf("±%s is more than %s", jitter, wait)
		}
	}
	return words[1:], nil
}

func parseDuration(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil || d < 0 || d > time.Hour {
		return 0, fmt.Errorf("%q is not a duration of at most an hour", word)
	}
	return d, nil
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

func (e *Effect) parseSize(words []string) ([]string, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("huge must have a size, such as 64MB")
	}
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(strings.ToUpper(words[0]), u.suffix)
		n, err := strconv.ParseInt(number, 10, 32)
		if ok && err == nil && n > 0 && n*u.bytes <= 4<<30 {
			e.size = n * u.bytes
			return words[1:], nil
		}
	}
	return nil, fmt.Errorf("%q is not a size of at most 4GB", words[0])
}

func (e *Effect) parseStatusWords(words []string) ([]string, error) {
	for len(words) > 0 {
		switch word := strings.ToLower(words[0]); word {
		case "json", "html", "empty":
			e.shape = word
		case "after":
			e.after = true
		case "retry-after":
			if len(words) < 2 {
				return nil, fmt.Errorf("retry-after must have a duration")
			}
			d, err := parseDuration(words[1])
			if err != nil {
				return nil, err
			}
			e.retryAfter, words = d, words[1:]
		default:
			return words, nil
		}
		words = words[1:]
	}
	return nil, nil
}
