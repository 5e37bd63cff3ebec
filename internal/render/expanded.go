package render

import (
	"io"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// expand writes a row of a table that has every column and is wider than the terminal: a line a
// column, its head before its value, and an empty line between two rows. It may hold more columns
// than the rows before it.
func (p *page) expand(line []string, styles []Style) error {
	head := 0
	for _, h := range p.heads {
		head = max(head, twwidth.Width(h))
	}
	var b strings.Builder
	if p.begun {
		b.WriteString("\n")
	}
	p.begun = true
	for i, value := range line {
		if value == "" {
			continue
		}
		before := p.heads[i] + strings.Repeat(" ", head-twwidth.Width(p.heads[i])) + gap
		for _, part := range wrap(value, max(narrow, p.width-head-len(gap))) {
			b.WriteString(before + p.styled(part, styles[i]) + "\n")
			before = strings.Repeat(" ", head) + gap
		}
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

// styled returns a text in its style.
func (p *page) styled(text string, style Style) string {
	if !p.color || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// wrap splits a text into parts that are no wider than so many columns, at spaces where there are.
func wrap(text string, width int) []string {
	var parts []string
	for twwidth.Width(text) > width {
		head := twwidth.Truncate(text, width)
		if head == "" {
			break
		}
		if at := strings.LastIndexByte(head, ' '); at > len(head)/4 {
			head = head[:at+1]
		}
		parts = append(parts, strings.TrimRight(head, " "))
		text = text[len(head):]
	}
	return append(parts, text)
}

// Fold wraps the lines of a text that are wider than so many columns; what follows is indented. 0
// sets no limit.
func Fold(text string, width int) string {
	if width < 2*narrow {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if twwidth.Width(line) > width {
			lines[i] = strings.Join(wrap(line, width-4), "\n    ")
		}
	}
	return strings.Join(lines, "\n")
}

// wrapped returns the lines of a row: columns that are wrapped go on in lines of their own.
func (p *page) wrapped(line []string) [][]string {
	lines := [][]string{line}
	for at, i := range p.shown {
		if !p.wraps[i] || !p.cut[at] {
			continue
		}
		for n, part := range wrap(line[at], p.widths[at]) {
			if n == len(lines) {
				lines = append(lines, make([]string, len(line)))
			}
			lines[n][at] = part
		}
	}
	return lines
}
