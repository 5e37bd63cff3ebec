package input

import (
	"errors"
	"io/fs"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The reasons of this room's errors.
const (
	ReasonMissing       failure.Reason = "input-missing"        // the file does not exist; Subject: its name
	ReasonEncoding      failure.Reason = "input-encoding"       // the text is not in the encoding that it is read in
	ReasonNotData       failure.Reason = "input-not-data"       // a web page, a document; Subject: what it is
	ReasonCompression   failure.Reason = "input-compression"    // a compression that is not read; Subject: its name
	ReasonOldWorkbook   failure.Reason = "input-old-workbook"   // .xls, or a workbook with a password
	ReasonDamaged       failure.Reason = "input-damaged"        // a compressed file or a workbook that is damaged
	ReasonFormat        failure.Reason = "input-format"         // the content is of another format; Subject: which
	ReasonSheet         failure.Reason = "input-sheet"          // no such sheet; Subject: the sheets
	ReasonSeparator     failure.Reason = "input-separator"      // the header is one column; Subject: what may separate it
	ReasonColumns       failure.Reason = "input-columns"        // columns are not valid
	ReasonNoColumn      failure.Reason = "input-no-column"      // no column is a field
	ReasonNoTokenColumn failure.Reason = "input-no-token"       // no column identifies users
	ReasonMapColumn     failure.Reason = "input-map-column"     // a renamed column is not there; Subject: the columns
	ReasonWrapped       failure.Reason = "input-wrapped"        // the users are inside a member; Subject: its path
	ReasonNoRow         failure.Reason = "input-no-row"         // a header and nothing else
	ReasonRowTooLarge   failure.Reason = "input-row-too-large"  // probably a quote that is never closed
	ReasonMistakes      failure.Reason = "input-mistakes"       // rows are not valid
	ReasonDates         failure.Reason = "input-dates"          // rows are not valid, by dates that are not ISO 8601
	ReasonUnknownColumn failure.Reason = "input-unknown-column" // rows are not valid, by a column that is not a field
)

// Missing gives an error the reason that the file does not exist, if that is its cause.
func Missing(err error, name string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return failure.From(err).Because(ReasonMissing, name)
}
