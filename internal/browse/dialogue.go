package browse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Lines is where the dialogue is held.
type Lines struct {
	In  io.Reader
	Out io.Writer
	Now func() time.Time
}

// Dialogue shows the model as a dialogue of lines: nothing is repainted, and each state is said in
// one line. It ends with the input, when the person leaves, or with the context.
func Dialogue(ctx context.Context, l Lines, o Options, port Port) error {
	done, stop := context.WithCancel(ctx)
	defer stop()
	msgs := make(chan Msg)
	d := &dialogue{out: l.Out}
	r := newRunner(ctx, port, func(m Msg) {
		select {
		case msgs <- m:
		case <-done.Done():
		}
	})
	err := d.hold(ctx, l, r, o, msgs, readLines(done, l.In))
	stop()
	if lost := r.stop(); lost != nil {
		return lost
	}
	return err
}

// typedLine is a line of the input, or its end.
type typedLine struct {
	text string
	err  error // io.EOF at the end
}

// readLines reads ahead of the dialogue by one line. A read that is waiting when the dialogue ends
// is left behind, as nothing can cancel it.
func readLines(ctx context.Context, in io.Reader) <-chan typedLine {
	lines := make(chan typedLine)
	go func() {
		for r := bufio.NewReader(in); ; {
			text, err := r.ReadString('\n')
			if text != "" {
				err = nil
			}
			select {
			case lines <- typedLine{oneLine(text), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// hold holds the dialogue. A line is taken when everything that was asked before is answered.
func (d *dialogue) hold(ctx context.Context, l Lines, r *runner, o Options, msgs <-chan Msg,
	lines <-chan typedLine) error {
	m, cmds := New(o, l.Now())
	d.say(m.titleText())
	for {
		for _, c := range cmds {
			if q, ok := c.(Quit); ok {
				d.sayStatus(m)
				return q.Err
			}
			r.do(c) //nolint:contextcheck // the runner has a context of its own, which stop ends
		}
		d.tell(m)
		if d.err != nil {
			return d.err
		}
		next := lines
		if m.Busy() && m.retry == nil {
			next = nil
		}
		select {
		case msg := <-msgs:
			m, cmds = m.Update(l.Now(), msg)
		case line := <-next:
			if line.err != nil && !errors.Is(line.err, io.EOF) {
				return failure.Wrap(failure.Failed, "cannot read standard input", line.err)
			}
			if line.err != nil {
				return nil
			}
			m, cmds = d.answer(m, l.Now(), line.text)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dialogue remembers what was said, so that only what is new is.
type dialogue struct {
	out io.Writer
	err error // the first of a write

	status string
	hits   int // the search whose hits were said
	card   string
	lines  []string
	prompt string
	menu   string // the actions that were listed last
	asked  bool   // the person was told that it is its turn
	waits  bool   // a countdown was said
}

func (d *dialogue) say(text string) {
	if d.err == nil {
		_, d.err = io.WriteString(d.out, clean(text)+"\n")
	}
}

// titleText says where changes are made.
func (m Model) titleText() string {
	text := "Users of profile " + m.options.Profile + ", instance " + m.options.Instance
	if may := m.accessText(); may != "" {
		text += ", " + may
	}
	return text + "."
}

// answer takes a line: the number of a user or of an action, the key of an action, the answer to a
// question, or else a search.
func (d *dialogue) answer(m Model, now time.Time, text string) (Model, []Cmd) {
	d.asked = false
	text = strings.TrimSpace(text)
	n, err := strconv.Atoi(text)
	number := err == nil
	switch m.mode {
	case searching:
		switch {
		case text == "":
			return m, nil
		case number && m.found && n >= 1 && n <= len(m.hits.Users):
			m.now = now
			return m.open(m.hits.Users[n-1].ID)
		}
		if b, ok := searchAction(m, text); ok {
			m.now = now
			return b.do(m)
		}
		return m.Update(now, Typed{text})
	case asking:
		return d.answerPrompt(m, now, text)
	}
	if m.mode == helping || m.mode == listing {
		return m.Update(now, Key{Name: "esc"})
	}
	actions := m.actions()
	for i, b := range actions {
		if number && i == n-1 || slices.Contains(b.keys, text) {
			m.now = now
			return b.do(m)
		}
	}
	if d.menu = ""; text != "" && text != "?" {
		d.say("That is none of the actions.")
	}
	return m, nil
}

// searchAction finds the actions that have a key while searching: a lone q or w is one, too.
func searchAction(m Model, text string) (binding, bool) {
	key := map[string]string{"q": "ctrl+d", "quit": "ctrl+d", "w": "ctrl+l"}[strings.ToLower(text)]
	for _, b := range m.bindings() {
		if key != "" && slices.Contains(b.keys, key) {
			return b, true
		}
	}
	return binding{}, false
}

func (d *dialogue) answerPrompt(m Model, now time.Time, text string) (Model, []Cmd) {
	d.prompt = ""
	if m.prompt.kind != askYes {
		return m.Update(now, Typed{text})
	}
	switch strings.ToLower(text) {
	case "y", "yes":
		return m.Update(now, Key{Name: "y", Text: "y"})
	case "n", "no":
		return m.Update(now, Key{Name: "n", Text: "n"})
	}
	return m, nil
}

// actions are the bindings that the dialogue offers.
func (m Model) actions() []binding {
	return slices.DeleteFunc(m.bindings(), func(b binding) bool { return b.action == "" || len(b.keys) == 0 })
}

// tell says what is new.
func (d *dialogue) tell(m Model) {
	d.tellHits(m)
	d.sayStatus(m)
	d.tellCard(m)
	if m.mode == asking {
		if q := m.question(); q != d.prompt {
			if m.prompt.wrong != "" {
				d.say(sentence(m.prompt.wrong))
			}
			d.prompt = q
			d.say(q)
		}
		return
	}
	if d.prompt = ""; !m.Busy() || m.retry != nil {
		d.tellMenu(m)
	}
}

// sayStatus says the status once. The seconds of a countdown are not counted aloud.
func (d *dialogue) sayStatus(m Model) {
	counting := m.retry != nil
	if m.status.text != d.status && m.status.text != "" && m.mode != asking && (!counting || !d.waits) {
		d.say(sentence(m.status.text))
	}
	d.status, d.waits = m.status.text, counting
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.ContainsAny(text[len(text)-1:], ".?:") {
		return text
	}
	return text + "."
}

// tellHits says who was found, by number.
func (d *dialogue) tellHits(m Model) {
	if !m.found || m.seq == d.hits || m.mode != searching {
		return
	}
	d.hits = m.seq
	d.sayStatus(m)
	for i, hit := range m.hits.Users {
		text := fmt.Sprintf("%d. %s", i+1, who(hit.Name, hit.ClientID, hit.ID))
		if hit.Detail != "" {
			text += ", " + hit.Detail
		}
		d.say(text)
	}
}

// tellCard says the card, and, of one that was said before, the lines that are new.
func (d *dialogue) tellCard(m Model) {
	if m.card == nil || m.loading != "" || m.chain == nil && m.noChain == "" {
		return
	}
	var lines []string
	for _, l := range m.cardLines() {
		lines = append(lines, l.sentence())
	}
	before := d.lines
	if d.card != m.card.ID {
		before = nil
		d.say(sentence("user " + m.card.Who()))
	}
	for _, l := range lines {
		if !slices.Contains(before, l) {
			d.say(l)
		}
	}
	d.card, d.lines = m.card.ID, lines
}

func (l line) sentence() string {
	text := l.text
	if l.value != "" {
		text = l.value + ": " + text
	}
	if l.label != "" {
		text = l.label + ": " + text
	}
	return sentence(text)
}

// tellMenu says what can be done now.
func (d *dialogue) tellMenu(m Model) {
	var menu []string
	switch m.mode {
	case searching:
		text := "Type what to search for"
		if len(m.hits.Users) > 0 {
			text += ", or the number of a user"
		}
		if m.readOnly() {
			text += ", or w to unlock changes"
		}
		menu = []string{text + ", or q to quit."}
		d.card = ""
	case helping, listing:
		menu = d.pageText(m)
	default:
		for i, b := range m.actions() {
			menu = append(menu, fmt.Sprintf("%d. %s.", i+1, b.action))
		}
	}
	if text := strings.Join(menu, "\n"); text != d.menu || m.mode != reading && !d.asked {
		d.menu = text
		for _, line := range menu {
			d.say(line)
		}
	}
	if !d.asked && m.mode == reading {
		d.say("Type the number of an action, or ? to hear them all.")
	}
	d.asked = true
}

// pageText is a page that has no actions of its own, and how to leave it.
func (d *dialogue) pageText(m Model) []string {
	var out []string
	if m.mode == listing {
		for _, c := range m.commands() {
			out = append(out, c.What+": "+c.Line)
		}
	}
	return append(out, "Type anything to go on.")
}
