package render

import (
	"bytes"
	"io"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	pageRows = 100  // rows that are laid out together; later ones follow in the widths found by then
	gap      = "  " // between two columns
	narrow   = 8    // a column is not shortened to less than this, or than its head
	ellipsis = "…"
)

// Widths of characters come from Unicode alone, not from the environment.
func init() { twwidth.SetEastAsian(false) }

// page is a table on a terminal. The first pageRows rows are kept until their columns' widths are known; those after them are
// written one by one. A table wider than the terminal has its widest columns of words shortened, the id's never; in later rows these are
// held to the same width, and a cell longer than any other column pushes what is right of it.
type page struct {
	out   io.Writer
	heads []string
	color bool
	width int // of the terminal; 0 where it is not known

	rows   [][]string
	fixed  []bool // columns that may not be shortened
	widths []int  // of the columns; nil until the page is laid out
	cut    []bool // columns that are shortened
}

func (p *page) add(r row) error {
	cells := r.cells(true)
	line := texts(cells)
	if p.widths != nil {
		_, err := io.WriteString(p.out, p.later(line))
		return err
	}
	if p.fixed == nil {
		p.fixed = make([]bool, len(cells))
	}
	id := r.id()
	for i, c := range cells {
		p.fixed[i] = p.fixed[i] || (c.text != "" && (!c.words || c.text == id))
	}
	p.rows = append(p.rows, line)
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

// layOut writes the head and the rows that were kept, and lets these go.
func (p *page) layOut() error {
	p.measure()
	for _, line := range p.rows {
		p.shorten(line)
	}
	var b bytes.Buffer
	if err := p.draw(&b); err != nil {
		return err
	}
	p.rows = nil
	var out strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		if i == 0 && p.color {
			line = "\x1b[1m" + line + "\x1b[0m"
		}
		out.WriteString(line + "\n")
	}
	_, err := io.WriteString(p.out, out.String())
	return err
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
	table.Header(p.heads)
	if err := table.Bulk(p.rows); err != nil {
		return err
	}
	return table.Render()
}

// measure finds the columns' widths, and makes the widest of those that may be shortened narrower until the table fits, as far as it can.
func (p *page) measure() {
	p.widths, p.cut = make([]int, len(p.heads)), make([]bool, len(p.heads))
	least := make([]int, len(p.heads))
	total := len(gap) * (len(p.heads) - 1)
	for i, head := range p.heads {
		p.widths[i] = twwidth.Width(head)
		least[i] = max(narrow, p.widths[i])
		for _, line := range p.rows {
			p.widths[i] = max(p.widths[i], twwidth.Width(line[i]))
		}
		total += p.widths[i]
	}
	for ; p.width > 0 && total > p.width; total-- {
		widest := -1
		for i, w := range p.widths {
			if !p.fixed[i] && w > least[i] && (widest < 0 || w > p.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		p.widths[widest]--
		p.cut[widest] = true
	}
}

// shorten holds the cells of shortened columns to their width.
func (p *page) shorten(line []string) {
	for i := range line {
		if p.cut[i] && twwidth.Width(line[i]) > p.widths[i] {
			line[i] = twwidth.Truncate(line[i], p.widths[i], ellipsis)
		}
	}
}

// later is a row behind the first page, as a line.
func (p *page) later(line []string) string {
	p.shorten(line)
	var b strings.Builder
	for i, text := range line {
		if i > 0 {
			b.WriteString(gap)
		}
		b.WriteString(text)
		b.WriteString(strings.Repeat(" ", max(0, p.widths[i]-twwidth.Width(text))))
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}
