package input_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

const (
	workbookXML = `<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` +
		`xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>%s</sheets></workbook>`
	relationsXML = `<?xml version="1.0"?><Relationships ` +
		`xmlns="http://schemas.openxmlformats.org/package/2006/relationships">%s</Relationships>`
	stylesXML = `<?xml version="1.0"?><styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">` +
		`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`
)

// sheet is a worksheet: its rows are the XML of cells, "" for a blank row.
type sheet struct {
	name string
	rows []string
}

func text(at, value string) string {
	return fmt.Sprintf(`<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, at, value)
}

// workbook writes an .xlsx as spreadsheets do, in little.
func workbook(t testing.TB, sheets ...sheet) string {
	t.Helper()
	parts := map[string]string{"xl/styles.xml": stylesXML}
	var names, relations strings.Builder
	for i, s := range sheets {
		fmt.Fprintf(&names, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, s.name, i+1, i+1)
		fmt.Fprintf(&relations, `<Relationship Id="rId%d" `+
			`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" `+
			`Target="worksheets/sheet%d.xml"/>`, i+1, i+1)
		var rows strings.Builder
		for n, cells := range s.rows {
			fmt.Fprintf(&rows, `<row r="%d">%s</row>`, n+1, cells)
		}
		parts[fmt.Sprintf("xl/worksheets/sheet%d.xml",
			i+1)] = `<?xml version="1.0"?><worksheet ` +
			`xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + rows.String() +
			`</sheetData></worksheet>`
	}
	parts["xl/workbook.xml"] = fmt.Sprintf(workbookXML, names.String())
	parts["xl/_rels/workbook.xml.rels"] = fmt.Sprintf(relationsXML, relations.String())
	return archive(t, parts)
}

func archive(t testing.TB, parts map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range parts {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var people = sheet{"People", []string{
	text("A1", "Client ID") + text("B1", "First name") + text("C1", "Birthday"),
	text("A2", "00123") + text("B2", "Ada") + `<c r="C2" s="1"><v>33024</v></c>`,
	"",
	`<c r="A4"><v>123456789012</v></c>` + text("C4", "1990-12-31"),
}}

func TestRowsOfAWorkbook(t *testing.T) {
	other := sheet{"Other", []string{text("A1", "City"), text("A2", "Bonn")}}
	path := file(t, "users.xlsx", workbook(t, people, other))
	f := open(t, input.Options{Name: path})
	want := `1@2 {"FirstName":"Ada","Birthday":"1990-05-31T00:00:00Z","UserFields":{"ClientId":"00123"}}
2@4 {"Birthday":"1990-12-31T00:00:00Z","UserFields":{"ClientId":"123456789012"}}
`
	if got := checked(t, f); got != "0 of 2 bad" {
		t.Error(got)
	}
	for range 2 {
		if got := told(t, f); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	for _, name := range []string{"other", "2"} {
		if got, want := told(t, open(t, input.Options{Name: path, Sheet: name})), `1@2 {"City":"Bonn"}`+"\n"; got != want {
			t.Errorf("sheet %s: got %swant %s", name, got, want)
		}
	}
	if err := whole(t, input.Options{Name: path, Sheet: "None"}); err == nil ||
		!strings.Contains(err.Error(), `no sheet "None"; the sheets are People, Other`) {
		t.Errorf("got %v", err)
	}
	if got := told(t, open(t, input.Options{Name: file(t, "users", workbook(t, people))})); got != want {
		t.Errorf("by its content: got\n%s", got)
	}
}

// A workbook that is damaged is refused before anything is sent, wherever the damage is.
func TestDamagedWorkbooks(t *testing.T) {
	good := workbook(t, people)
	for name, content := range map[string]string{
		"cut off":         good[:len(good)/2],
		"no sheet":        workbook(t),
		"a ZIP of photos": archive(t, map[string]string{"a.jpg": "x"}),
		"a sheet cut off": archive(t, map[string]string{"xl/workbook.xml": fmt.Sprintf(workbookXML,
			`<sheet name="P" sheetId="1" r:id="rId1"/>`),
			"xl/_rels/workbook.xml.rels": fmt.Sprintf(relationsXML,
				`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" `+
					`Target="worksheets/sheet1.xml"/>`), "xl/styles.xml": stylesXML,
			"xl/worksheets/sheet1.xml": `<worksheet><sheetData><row r="1">` + people.rows[0] + `</row><row r="2">` +
				people.rows[1] + `</row>`}),
		"a wrong checksum": corrupted(good),
	} {
		err := whole(t, input.Options{Name: file(t, "users.xlsx", content)})
		if !failure.HasReason(err, input.ReasonDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// corrupted changes a byte of the last part's content.
func corrupted(content string) string {
	b := []byte(content)
	at := bytes.LastIndex(b, []byte("PK\x01\x02"))
	for i := bytes.Index(b, []byte("sheet1.xml")) + 40; i < at; i += 7 {
		b[i] ^= 0x55
	}
	return string(b)
}

func TestReadingAWorkbookEndsEarly(t *testing.T) {
	rows := []string{text("A1", "City")}
	for n := 2; n < 5000; n++ {
		rows = append(rows, text(fmt.Sprintf("A%d", n), "Bonn"))
	}
	f := open(t, input.Options{Name: file(t, "users.xlsx", workbook(t, sheet{"S", rows}))})
	n := 0
	err := f.Each(t.Context(), 1, func(*input.Row) error {
		if n++; n == 3 {
			return errStop
		}
		return nil
	})
	if err != errStop { //nolint:errorlint // the very error
		t.Errorf("after %d rows: %v", n, err)
	}
}

var errStop = failure.New(failure.Failed, "stop")

func FuzzWorkbook(f *testing.F) {
	fuzz(f, "xlsx", workbook(f, people), workbook(f), archive(f, map[string]string{"a": "b"}))
}
