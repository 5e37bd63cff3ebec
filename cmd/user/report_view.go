package user

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/fleet/report"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

const (
	mostBars    = 12 // of a group; the rest is in the other formats
	widestLabel = 20
	leastBar    = 6
	widestBar   = 28
)

// barGroup is a group of figures as bars.
type barGroup struct {
	title   string
	figures []report.Figure
	more    int // figures that are not shown
}

func (v reporter) groups() []barGroup {
	titles := map[string]string{
		report.ByActivity: "ACTIVITY", report.ByOS: "PLATFORM", report.BySDK: "SDK VERSION", report.ByApp: "APP VERSION",
		report.ByFlag: "FLAGS ON", report.ByCountry: "COUNTRY", report.ByRegistered: "REGISTERED, BY WEEK",
	}
	var out []barGroup
	for _, by := range report.Groups {
		g := barGroup{title: titles[by], figures: v.report.Group(by)}
		all := len(g.figures)
		if by == report.ByRegistered {
			g.figures = v.report.RecentWeeks(mostBars)
		} else {
			g.figures = g.figures[:min(all, mostBars)]
		}
		g.more = max(0, all-len(g.figures))
		if len(g.figures) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// bars lays the report out for people: a line a figure, with a bar and the filter that lists its
// users. No line is wider than the terminal, nor than 80 columns.
func (v reporter) bars() []byte {
	var b bytes.Buffer
	width := v.app.PageWidth()
	noun := "users"
	if v.report.Users == 1 {
		noun = "user"
	}
	fmt.Fprintf(&b, "%s %s\n", grouped(v.report.Users), noun)
	for _, g := range v.groups() {
		v.barsOf(&b, g, width)
	}
	if v.report.Users > 0 {
		list := v.app.CommandLine(v.app.Flags.Profile, "user", "list")
		if v.all {
			list += " --all-instances"
		}
		fmt.Fprintf(&b, "\nTo list the users behind a figure, add its filter to:\n%s\n", cmdutil.Continued(list, width))
	}
	return b.Bytes()
}

func (v reporter) barsOf(b *bytes.Buffer, g barGroup, width int) {
	label, count, most := 0, 0, 1
	for _, f := range g.figures {
		label = max(label, render.Width(labelOf(f)))
		count = max(count, len(grouped(f.Users)))
		most = max(most, f.Users)
	}
	before := 2 + label + 2 + count + 6 + 2 // up to the bar
	filters, filter := filtersOf(g.figures, width-before-leastBar-2)
	bar := min(max(leastBar, width-before-2-filter), widestBar)
	title := g.title
	if v.app.Streams.ColorOut() {
		title = "\x1b[1m" + title + "\x1b[0m"
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for i, f := range g.figures {
		text := labelOf(f)
		line := fmt.Sprintf("  %s%s  %*s %5s  %s", text, strings.Repeat(" ", label-render.Width(text)), count,
			grouped(f.Users),
			percent(f.Users, v.report.Users), blocks(f.Users, most, bar))
		line += strings.Repeat(" ", before+bar+2-render.Width(line)) + filters[i]
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if g.more > 0 {
		fmt.Fprintf(b, "  and %d more (-o csv has all)\n", g.more)
	}
}

// filtersOf returns the filter of each figure, "" for nobody's and for one that is wider than a
// column of this width, and the width of the widest.
func filtersOf(figures []report.Figure, width int) (filters []string, widest int) {
	filters = make([]string, len(figures))
	for i, f := range figures {
		text := quotedWords(filterOf(f))
		if n := render.Width(text); f.Users > 0 && n <= width {
			filters[i], widest = text, max(widest, n)
		}
	}
	return filters, widest
}

// labelOf returns a figure's value for people, in at most widestLabel columns.
func labelOf(f report.Figure) string {
	text := render.Sanitize(f.Value)
	switch {
	case f.Value == "":
		return "(none)"
	case f.By == report.ByFlag:
		return filterOf(f)[0][len("--"):]
	}
	for render.Width(text) > widestLabel {
		runes := []rune(strings.TrimSuffix(text, "…"))
		text = string(runes[:len(runes)-1]) + "…"
	}
	return text
}

// quotedWords returns words as a POSIX shell takes them. A word that cannot be shown as it is has
// no filter that could be typed.
func quotedWords(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if render.Sanitize(w) != w {
			return ""
		}
		out[i] = w
		if strings.ContainsFunc(w, func(r rune) bool { return !strings.ContainsRune(plainWord, r) }) {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// blocks returns a bar of up to width columns, in eighths of a column.
func blocks(n, most, width int) string {
	eighths := n * width * 8 / most
	if n > 0 {
		eighths = max(eighths, 1)
	}
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return bar
}

// percent returns a share; one that is not nothing does not read as 0.
func percent(n, all int) string {
	switch share := float64(n) / float64(max(all, 1)) * 100; {
	case n == 0:
		return "0%"
	case share < 0.1:
		return "<0.1%"
	case share < 10:
		return fmt.Sprintf("%.1f%%", share)
	default:
		return fmt.Sprintf("%.0f%%", share)
	}
}

// grouped returns a number with commas: 12,345.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
