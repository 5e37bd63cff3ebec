package picture_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/picture"
)

func TestAPictureHasTheTextInItsColors(t *testing.T) {
	t.Parallel()
	svg := picture.SVG("a <title>", "\x1b[31mbroken\x1b[0m  fine\n\x1b[7m> 日本 & co\x1b[0m", 40)
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	for _, want := range []string{
		`fill="#ff7b72">broken<`, `>fine<`, "&gt; 日本 &amp; co<", "a &lt;title&gt;", // what was given
		`width="364"`,           // 40 cells and the margins
		`textLength="92.4"`,     // eleven cells: the two wide characters take four
		`<rect x="14.0" y="48"`, // the reversed line
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
}
