package user

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

func wrongEmail(row int) input.Mistake {
	return input.Mistake{Row: row, Line: row + 1, Column: "Email", Value: "nobody", Why: `"nobody" is not an e-mail address`}
}

// A file may be wrong in every row: a program is told all of it, and memory holds the first few.
func TestMistakesAreNotHeldInMemory(t *testing.T) {
	const many = 50_000
	l := &mistakeList{dir: t.TempDir()}
	before := live()
	for row := 1; row <= many; row++ {
		if err := l.add(wrongEmail(row)); err != nil {
			t.Fatal(err)
		}
	}
	err := failure.From(l.err("they are not valid"))
	told, most := 0, uint64(0)
	eachErr := err.AllFields(func(f failure.Field) error {
		if told++; f.Location.Row != told {
			t.Fatalf("row %d is told as number %d", f.Location.Row, told)
		}
		if told%(many/2) == 0 {
			most = max(most, live())
		}
		return nil
	})
	if eachErr != nil || told != many {
		t.Errorf("%d of %d are told: %v", told, many, eachErr)
	}
	if more := int64(most) - int64(before); more > 1<<20 {
		t.Errorf("%d bytes are held", more)
	}
	if len(err.Fields) != mostListed || strings.Contains(err.Hint, "--report") {
		t.Errorf("%d fields, hint %q", len(err.Fields), err.Hint)
	}
	if left, _ := os.ReadDir(l.dir); len(left) > 0 {
		t.Errorf("it leaves %v", left)
	}
}

// live is the bytes in use after a collection.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A person is told the first mistakes, and where all of them can be had.
func TestAPersonIsToldTheFirstMistakes(t *testing.T) {
	l := &mistakeList{}
	for row := 1; row <= 30; row++ {
		if err := l.add(wrongEmail(row)); err != nil {
			t.Fatal(err)
		}
	}
	err := failure.From(l.err("30 of 30 rows are not valid"))
	if len(err.Fields) != 20 || err.Each != nil || !strings.HasPrefix(err.Hint, "these are 20 of 30 mistakes: --report F writes all of them") {
		t.Errorf("%d fields, hint %q", len(err.Fields), err.Hint)
	}
}

func TestWhoReadsMistakesMayStop(t *testing.T) {
	l := &mistakeList{dir: t.TempDir()}
	for row := 1; row <= 3; row++ {
		if err := l.add(wrongEmail(row)); err != nil {
			t.Fatal(err)
		}
	}
	stop := errors.New("stop")
	if err := failure.From(l.err("x")).AllFields(func(failure.Field) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// The value of a mistake is told in any case, in quotes, and once.
func TestTheTextOfAMistakeHoldsItsValue(t *testing.T) {
	for _, c := range []struct{ value, why, want string }{
		{"nobody", `"nobody" is not an e-mail address`, `"nobody" is not an e-mail address`},
		{"1", "the same ClientId stands in row 1", `"1": the same ClientId stands in row 1`},
		{"-1", "-1 is negative", `"-1": -1 is negative`},
		{"a\nb", "no", `"a\nb": no`},
		{"", "it is empty", "it is empty"},
	} {
		if got := mistakeText(input.Mistake{Value: c.value, Why: c.why}); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestTheReportHasACellForEachPartOfAMistake(t *testing.T) {
	for format, want := range map[string]string{
		input.TSV:       "Row\tLine\tColumn\tValue\tError\n7\t8\tEmail\tnobody\t\"\"\"nobody\"\" is not an e-mail address\"\n",
		input.CSV:       "Row,Line,Column,Value,Error\n7,8,Email,nobody,\"\"\"nobody\"\" is not an e-mail address\"\n",
		input.JSONLines: `{"Row":7,"Line":8,"Column":"Email","Value":"nobody","Error":"\"nobody\" is not an e-mail address"}` + "\n",
	} {
		var b bytes.Buffer
		w := newMistakeWriter(&b, format)
		if err := errors.Join(w.write(wrongEmail(7)), w.flush()); err != nil || b.String() != want {
			t.Errorf("got  %s (%v)\nwant %s", b.String(), err, want)
		}
		if format == input.JSONLines && !json.Valid(b.Bytes()) {
			t.Error("it is not JSON")
		}
	}
}
