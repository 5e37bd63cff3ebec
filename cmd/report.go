package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// report prints an error, the only place that does: as one JSON object where the output
// is to be read by a program, else as "Error: what failed: why", a line a field, and a
// hint.
func report(k *cmdutil.App, f *failure.Error) {
	if k.Failed != nil {
		k.Failed(f)
	}
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
	if hint := k.Hint(f); hint != "" {
		k.Streams.Fail("Hint", hint)
	}
}

func fieldName(m failure.Field) string {
	if m.Key == "" {
		return "(body)"
	}
	return sanitize.Clean(m.Key)
}

// reportJSON writes the error's object piece by piece, as there may be as many fields as
// a file has rows.
func reportJSON(k *cmdutil.App, f *failure.Error) {
	out := bufio.NewWriter(sanitize.CleanJSON(k.Streams.Err))
	head := struct {
		Code    string
		Message string
		Hint    string
		Status  int
	}{string(f.Code), f.Message, k.Hint(f), f.Status}
	_, _ = out.WriteString(`{"Error":`)
	_, _ = out.Write(bytes.TrimSuffix(inJSON(head), []byte("}")))
	_, _ = out.WriteString(`,"Fields":[`)
	comma := ""
	_ = f.AllFields(func(m failure.Field) error {
		_, _ = out.WriteString(comma)
		comma = ","
		_, err := out.Write(inJSON(newEntry(m)))
		return err
	})
	_, _ = out.WriteString(`],"RequestId":`)
	_, _ = out.Write(inJSON(f.RequestID))
	_, _ = out.WriteString("}}\n")
	_ = out.Flush() // a standard error that is gone leaves nobody to tell
}

// entry is a field of an error in JSON; what stands in a file says where.
type entry struct {
	Key, Message string
	Row          int     `json:",omitempty"`
	Line         int     `json:",omitempty"`
	Column       string  `json:",omitempty"`
	Value        *string `json:",omitempty"`
}

func newEntry(m failure.Field) entry {
	e := entry{Key: m.Key, Message: m.Message}
	if c := m.Location; c != nil {
		e.Row, e.Line, e.Column, e.Value = c.Row, c.Line, c.Column, &c.Value
	}
	return e
}

// inJSON is a value that JSON can hold.
func inJSON(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// machineReadable reports whether the user asked for JSON, JSON Lines or YAML, or is an agent who
// asked for nothing else; where the command line could not be read to its end, by what it holds.
func machineReadable(k *cmdutil.App) bool {
	formats := []string{"json", "jsonl", "yaml"}
	if slices.Contains(formats, k.Flags.Output) {
		return true
	}
	byAgent, given := k.Flags.Agent, false
	for i, arg := range k.Args {
		value, found := strings.CutPrefix(arg, "--output=")
		switch {
		case arg == "--":
			return byAgent && !given
		case arg == "--agent" || arg == "--agent=true":
			byAgent = true
			continue
		case (arg == "-o" || arg == "--output") && i+1 < len(k.Args):
			value = k.Args[i+1]
		case !found && strings.HasPrefix(arg, "-o"):
			value = strings.TrimPrefix(arg[2:], "=")
		case !found:
			continue
		}
		if given = true; slices.Contains(formats, value) {
			return true
		}
	}
	return byAgent && !given
}

func isFailure(err error) bool {
	var f *failure.Error
	return errors.As(err, &f)
}
