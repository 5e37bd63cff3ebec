package cmd

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/kit"
	"github.com/telematicsctl/telematicsctl/internal/escape"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// report prints an error, the only place that does: as one JSON object where the output is to be read by a program, else as
// «Error: what failed: why», a line a field, and a hint.
func report(k *kit.Kit, f *failure.Error) {
	if machineReadable(k) {
		reportJSON(k, f)
		return
	}
	text := f.Message
	if f.RequestID != "" {
		text += " (request " + f.RequestID + ")"
	}
	k.Streams.Fail("Error", text)
	for _, m := range f.Fields {
		k.Streams.Fail("  "+fieldName(m), m.Message)
	}
	if f.Hint != "" {
		k.Streams.Fail("Hint", f.Hint)
	}
}

func fieldName(m failure.Field) string {
	if m.Key == "" {
		return "(body)"
	}
	return escape.Clean(m.Key)
}

func reportJSON(k *kit.Kit, f *failure.Error) {
	type entry struct{ Key, Message string }
	var out struct {
		Error struct {
			Code      string
			Message   string
			Hint      string
			Status    int
			Fields    []entry
			RequestID string `json:"RequestId"`
		}
	}
	e := &out.Error
	e.Code, e.Message, e.Hint, e.Status, e.RequestID = string(f.Code), f.Message, f.Hint, f.Status, f.RequestID
	e.Fields = []entry{}
	for _, m := range f.Fields {
		e.Fields = append(e.Fields, entry(m))
	}
	encoder := json.NewEncoder(escape.CleanJSON(k.Streams.Err))
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(out) // a standard error that is gone leaves nobody to tell
}

// machineReadable tells whether the user asked for JSON, JSON Lines or YAML; where the command line could not be read to its end, whether it
// holds such a flag.
func machineReadable(k *kit.Kit) bool {
	formats := []string{"json", "jsonl", "yaml"}
	if slices.Contains(formats, k.Flags.Output) {
		return true
	}
	for i, arg := range k.Args {
		value, found := strings.CutPrefix(arg, "--output=")
		switch {
		case arg == "--":
			return false
		case (arg == "-o" || arg == "--output") && i+1 < len(k.Args):
			value = k.Args[i+1]
		case !found && strings.HasPrefix(arg, "-o"):
			value = strings.TrimPrefix(arg[2:], "=")
		}
		if slices.Contains(formats, value) {
			return true
		}
	}
	return false
}

func isFailure(err error) bool {
	var f *failure.Error
	return errors.As(err, &f)
}
