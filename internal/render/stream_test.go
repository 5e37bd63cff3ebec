package render_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/render"
)

// bulkFrame and bulkTail are what stands around the users of a bulk run.
var (
	bulkFrame = render.Frame{
		Head: struct {
			Job       string
			Requested int
		}{"j\u202e1", 3},
		Key: "Users",
	}
	bulkTail = struct {
		Created int
		Failed  []string
		More    map[string]int
	}{Created: 3, Failed: []string{}, More: map[string]int{"Existing": 1}}
)

// However many rows there were before a run ended, what it printed can be read.
func TestAStreamIsValidWheneverItEnds(t *testing.T) {
	for _, frame := range []render.Frame{{}, {Key: "Users"}, bulkFrame} {
		for n := range 4 {
			for _, format := range []string{render.JSON, render.YAML} {
				p, out := printer(t, render.Options{Format: format})
				s := render.NewStream(p, view, frame)
				for i := range n {
					if err := s.Add(fleet[i]); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Close(bulkTail); err != nil {
					t.Fatal(err)
				}
				got, err := count(format, out.Bytes(), frame.Key)
				if err != nil || got != n {
					t.Errorf("%s, %d rows: read %d, %v\n%s", format, n, got, err, out)
				}
			}
		}
	}
}

// count reads a document and tells how many elements its list has; under a key, the tail
// must be there too.
func count(format string, doc []byte, key string) (int, error) {
	read := json.Unmarshal
	if format == render.YAML {
		read = yaml.Unmarshal
	}
	if key == "" {
		var list []map[string]any
		err := read(doc, &list)
		return len(list), err
	}
	var whole map[string]any
	if err := read(doc, &whole); err != nil {
		return 0, err
	}
	list, ok := whole[key].([]any)
	if !ok || fmt.Sprint(whole["Created"]) != "3" {
		return 0, fmt.Errorf("read %v", whole)
	}
	return len(list), nil
}

func TestRowsAreWrittenAsTheyCome(t *testing.T) {
	for _, format := range render.Formats() {
		p, out := printer(t, render.Options{Format: format})
		s := render.NewStream(p, view, bulkFrame)
		if out.Len() != 0 {
			t.Errorf("%s: %q was written before the first row", format, out)
		}
		for _, u := range fleet {
			if err := s.Add(u); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), u.DeviceToken) {
				t.Errorf("%s: %s was added and is not written", format, u.DeviceToken)
			}
		}
	}
}

// A value that JSON cannot hold is refused alone: what is around it stays whole.
func TestARowThatCannotBePrintedLeavesTheStreamWhole(t *testing.T) {
	p, out := printer(t, render.Options{Format: render.JSON})
	s := render.NewStream(p, render.View[float64]{}, render.Frame{})
	for _, v := range []float64{1, math.NaN(), 2} {
		if err := s.Add(v); (err != nil) != math.IsNaN(v) {
			t.Errorf("%v: %v", v, err)
		}
	}
	if err := s.Close(nil); err != nil || out.String() != "[\n  1,\n  2\n]\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestAHeadThatIsNoObjectIsAnError(t *testing.T) {
	p, out := printer(t, render.Options{Format: render.JSON})
	if err := render.NewStream(p, view, render.Frame{Key: "Users", Head: 7}).Add(fleet[0]); err == nil || out.Len() != 0 {
		t.Errorf("got %v, and %q", err, out)
	}
}

// brokenWriter takes some bytes and then fails for good.
type brokenWriter struct{ left int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, syscall.EPIPE
	}
	return n, nil
}

func TestAFailingWriterIsAlwaysAnError(t *testing.T) {
	for _, format := range render.Formats() {
		for mode, tty := range modes {
			for _, room := range []int{0, 30} {
				p, _ := printer(t, render.Options{Format: format, TTY: tty, Out: &brokenWriter{room}})
				if err := render.List(p, view, fleet); !errors.Is(err, syscall.EPIPE) {
					t.Errorf("List, %s, %s, after %d bytes: got %v", format, mode, room, err)
				}
				if err := render.One(p, view, fleet[0]); !errors.Is(err, syscall.EPIPE) {
					t.Errorf("One after that, %s, %s: got %v", format, mode, err)
				}
				p, _ = printer(t, render.Options{Format: format, TTY: tty, Out: &brokenWriter{room}})
				s := render.NewStream(p, view, render.Frame{})
				var err error
				for range 200 {
					err = errors.Join(err, s.Add(fleet[0]))
				}
				if err = errors.Join(err, s.Close(nil)); !errors.Is(err, syscall.EPIPE) {
					t.Errorf("Stream, %s, %s, after %d bytes: got %v", format, mode, room, err)
				}
			}
		}
	}
	p, _ := printer(t, render.Options{JQ: ".", Out: &brokenWriter{}})
	if err := render.One(p, view, fleet[0]); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("--jq: got %v", err)
	}
	p, _ = printer(t, render.Options{Template: "x", Out: &brokenWriter{}})
	if err := render.One(p, view, fleet[0]); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("--template: got %v", err)
	}
}

// 50,000 users need no more memory than 500.
func TestAStreamHoldsNoRows(t *testing.T) {
	const room = 1 << 20 // bytes, far less than the rows; the table library's cache of widths takes most of it
	for _, format := range render.Formats() {
		t.Run(format, func(t *testing.T) {
			rows := 50_000
			if format == render.YAML {
				rows /= 5 // its library is slow under the race detector
			}
			p, _ := printer(t, render.Options{Format: format, TTY: format == render.Table, Width: 100, Out: io.Discard})
			s := render.NewStream(p, view, bulkFrame)
			before := heap()
			for i := range rows {
				u := fleet[0]
				u.DeviceToken = fmt.Sprintf("%08d-ceea-467f-8b3e-2c1d6e5b9a70", i)
				u.Name = strings.Repeat(u.Name, 10)
				if err := s.Add(u); err != nil {
					t.Fatal(err)
				}
			}
			if grown := heap() - before; grown > room {
				t.Errorf("%d rows left %d KiB behind", rows, grown>>10)
			}
			if err := s.Close(bulkTail); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// heap is the number of bytes in use, after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What goes into a pipe as CSV comes out of it as it was.
func TestCSVInAPipeHoldsValuesAsTheyAre(t *testing.T) {
	u := fleet[0]
	u.Name = "a,\"b\"\nc\t\x1b[31m\u202e\xff"
	p, out := printer(t, render.Options{Format: render.CSV})
	if err := render.One(p, view, u); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(out).ReadAll()
	if err != nil || len(records) != 2 || records[1][1] != u.Name {
		t.Errorf("read %q, %v", records, err)
	}
}
