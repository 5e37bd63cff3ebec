package render

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	pageRows     = 100  // rows that are laid out together; later ones follow in the widths found by then
	gap          = "  " // between two columns
	narrow       = 8    // a column is not shortened to less than this, or than its head
	wrappedLeast = 14   // nor is one that is wrapped to less than this
	readable     = 24   // spare columns are left out before others are shortened to less than this
	ellipsis     = "…"
)

// Widths of characters come from Unicode alone, not from the environment.
func init() { twwidth.SetEastAsian(false) }

// page is a table on a terminal. The first pageRows rows are kept until the widths of
// their columns are known; later rows are written one by one. Columns that are empty in
// all of the first rows are left out. A table that is wider than the terminal has its
// widest columns of words shortened, the id's never; where that is not enough, columns are
// left out: the spare ones, then the others, the last first. No line is ever wider than
// the terminal.
type page struct {
	out   io.Writer
	heads []string
	wraps []bool // columns that are wrapped rather than shortened
	spare []bool // columns that are left out first
	color bool
	all   bool // every column is shown in full: what does not fit is expanded
	width int  // of the terminal; 0 where it is unknown

	rows   [][]string
	styles [][]Style
	words  []bool // columns that hold words, which may be shortened, the id's excepted
	isID   []bool // columns that must not be left out
	shown  []int  // the columns that are left in
	total  int    // the table's width
	widths []int  // of the columns; nil until the page is laid out
	cut    []bool // columns that are shortened

	expanded bool // each row is written as lines of its own
	begun    bool // one was
}

func (p *page) add(r row) error {
	cells := r.cells(true)
	line, styles := texts(cells), stylesOf(cells)
	if p.expanded {
		return p.expand(line, styles)
	}
	if p.widths != nil {
		var b strings.Builder
		for _, part := range p.wrapped(pick(p.shown, line)) {
			b.WriteString(p.later(part, pick(p.shown, styles)))
		}
		_, err := io.WriteString(p.out, b.String())
		return err
	}
	if p.words == nil {
		p.words, p.isID = make([]bool, len(cells)), make([]bool, len(cells))
	}
	id := r.id()
	for i, c := range cells {
		p.isID[i] = p.isID[i] || (c.text != "" && c.text == id)
		p.words[i] = p.words[i] || (c.text != "" && c.words)
	}
	p.rows, p.styles = append(p.rows, line), append(p.styles, styles)
	if len(p.rows) < pageRows {
		return nil
	}
	return p.layOut()
}

func (p *page) close(any) error {
	if len(p.rows) == 0 {
		return nil
	}
	return p.layOut()
}

// layOut writes the header and the rows that were kept, and lets these go.
func (p *page) layOut() error {
	p.leaveOutEmpty()
	if p.all && p.width > 0 && p.natural(0) > p.width {
		return p.expandAll()
	}
	for p.width > 0 && p.natural(readable) > p.width && p.leaveOutLast(true) {
	}
	for p.total = p.measure(); p.total > p.width && p.width > 0 && p.leaveOutLast(false); {
		p.total = p.measure()
	}
	var rows [][]string
	for i, line := range p.rows {
		for _, part := range p.wrapped(pick(p.shown, line)) {
			p.shorten(part)
			p.paint(part, pick(p.shown, p.styles[i]))
			rows = append(rows, part)
		}
	}
	p.rows = rows
	var b bytes.Buffer
	if err := p.draw(&b); err != nil {
		return err
	}
	p.rows, p.styles = nil, nil
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if line = strings.TrimRight(line, " "); p.width > 0 && p.total > p.width {
			line = p.fit(line)
		}
		if i == 0 && p.color {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		out.WriteString(line + "\n")
	}
	_, err := io.WriteString(p.out, out.String())
	return err
}

// expandAll writes the rows that were kept as lines of their own, as all later ones will be.
func (p *page) expandAll() error {
	p.expanded = true
	for i, line := range p.rows {
		if err := p.expand(line, p.styles[i]); err != nil {
			return err
		}
	}
	p.rows, p.styles = nil, nil
	return nil
}

// natural returns the width of the table if no column of words is shortened to less than most; 0 is
// no limit.
func (p *page) natural(most int) int {
	total := len(gap) * (len(p.shown) - 1)
	for _, i := range p.shown {
		widest := twwidth.Width(p.heads[i])
		for _, line := range p.rows {
			widest = max(widest, twwidth.Width(line[i]))
		}
		if most > 0 && p.words[i] && !p.isID[i] {
			widest = min(widest, most)
		}
		total += widest
	}
	return total
}

// leaveOutEmpty leaves in the columns that are not empty in every row.
func (p *page) leaveOutEmpty() {
	for i := range p.heads {
		if slices.ContainsFunc(p.rows, func(line []string) bool { return line[i] != "" }) {
			p.shown = append(p.shown, i)
		}
	}
}

// leaveOutLast leaves out the last column that is not the id's, or the last of the spare ones, and
// reports whether there was one.
func (p *page) leaveOutLast(spare bool) bool {
	for at := len(p.shown) - 1; at > 0; at-- {
		if i := p.shown[at]; !p.isID[i] && (!spare || p.spare[i]) {
			p.shown = slices.Delete(p.shown, at, at+1)
			return true
		}
	}
	return false
}

// pick returns the cells of the columns that are left in.
func pick[T any](shown []int, line []T) []T {
	out := make([]T, len(shown))
	for at, i := range shown {
		out[at] = line[i]
	}
	return out
}

func stylesOf(cells []cell) []Style {
	out := make([]Style, len(cells))
	for i, c := range cells {
		out[i] = c.style
	}
	return out
}

// paint adds the styles to the texts of a line that fits the terminal.
func (p *page) paint(line []string, styles []Style) {
	if !p.color || p.total > p.width && p.width > 0 {
		return
	}
	for at, text := range line {
		line[at] = p.styled(text, styles[at])
	}
}

// fit returns a line without spaces at its end, held to the terminal's width.
func (p *page) fit(line string) string {
	line = strings.TrimRight(line, " ")
	if p.width > 0 && mayExceed(line, p.width) && twwidth.Width(line) > p.width {
		return twwidth.Truncate(line, p.width, ellipsis)
	}
	return line
}

// mayExceed reports cheaply whether a line may be wider than so many columns: the library
// keeps a copy of each text that it measures.
func mayExceed(line string, width int) bool {
	for _, r := range line {
		width--
		if r >= 0x1100 && r <= 0x115f || r >= 0x2e80 {
			width--
		}
	}
	return width < 0
}

// draw has tablewriter lay the page out: no borders, no lines, heads as they are given.
func (p *page) draw(b *bytes.Buffer) error {
	plain := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: gap, Overwrite: true}},
	}
	table := tablewriter.NewTable(b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithHeaderConfig(plain), tablewriter.WithRowConfig(plain),
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithTrimSpace(tw.Off), tablewriter.WithTrimLine(tw.Off),
	)
	table.Header(pick(p.shown, p.heads))
	if err := table.Bulk(p.rows); err != nil {
		return err
	}
	return table.Render()
}

// measure finds the widths of the columns that are left in, makes the widest of those
// that may be shortened narrower until the table fits, as far as possible, and returns
// the table's width.
func (p *page) measure() int {
	p.widths, p.cut = make([]int, len(p.shown)), make([]bool, len(p.shown))
	least := make([]int, len(p.shown))
	total := len(gap) * (len(p.shown) - 1)
	for at, i := range p.shown {
		p.widths[at] = twwidth.Width(p.heads[i])
		if least[at] = max(narrow, p.widths[at]); p.wraps[i] {
			least[at] = max(wrappedLeast, p.widths[at])
		}
		for _, line := range p.rows {
			p.widths[at] = max(p.widths[at], twwidth.Width(line[i]))
		}
		total += p.widths[at]
	}
	for ; p.width > 0 && total > p.width; total-- {
		widest := -1
		for at, w := range p.widths {
			if i := p.shown[at]; p.words[i] && !p.isID[i] && w > least[at] && (widest < 0 || w > p.widths[widest]) {
				widest = at
			}
		}
		if widest < 0 {
			return total
		}
		p.widths[widest]--
		p.cut[widest] = true
	}
	return total
}

// shorten holds the cells of shortened columns to their width.
func (p *page) shorten(line []string) {
	for at := range line {
		if p.cut[at] && twwidth.Width(line[at]) > p.widths[at] {
			line[at] = twwidth.Truncate(line[at], p.widths[at], ellipsis)
		}
	}
}

// later returns a row after the first page as a line.
func (p *page) later(line []string, styles []Style) string {
	p.shorten(line)
	pads := make([]string, len(line))
	width := len(gap) * (len(line) - 1)
	for at, text := range line {
		w := twwidth.Width(text)
		pads[at] = strings.Repeat(" ", max(0, p.widths[at]-w))
		width += max(w, p.widths[at])
	}
	fits := p.width == 0 || width <= p.width
	if fits {
		p.paint(line, styles)
	}
	var b strings.Builder
	for at, text := range line {
		if at > 0 {
			b.WriteString(gap)
		}
		b.WriteString(text + pads[at])
	}
	if fits {
		return strings.TrimRight(b.String(), " ") + "\n"
	}
	return p.fit(b.String()) + "\n"
}
