package browse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The waits of the screen.
const (
	typingPause = 250 * time.Millisecond // after the last key, before a search is sent
	unlockTime  = 10 * time.Minute       // for which w makes changes possible
	defaultTime = "4h"                   // for which a flag that drains the battery is switched on
)

// Options are what a model begins with.
type Options struct {
	Profile  string
	Instance string // its InstanceId
	ReadOnly bool   // changes are absent until they are unlocked
	ASCII    bool   // nothing but ASCII is drawn
	Query    string // what is searched for at once

	// ParseLength reads how long a change lasts: 90m, 4h, 7d.
	ParseLength func(string) (time.Duration, error)
}

// mode is what the keys mean.
type mode uint8

const (
	searching mode = iota // keys type the query
	reading               // a card has the keys
	asking                // a prompt has them
	helping               // the list of keys is shown
	listing               // the commands to copy are shown
)

// prompt is a question at the foot of the screen.
type prompt struct {
	kind   promptKind
	change Change // of askLength and askYes
	text   string // typed so far
	wrong  string // what was wrong with the last answer
	back   mode
}

type promptKind uint8

const (
	askLength  promptKind = iota // for how long?
	askYes                       // y or n
	askProfile                   // the profile's name, to unlock
)

// tone is what a status line is about.
type tone uint8

const (
	plainTone tone = iota
	goodTone
	badTone
	askTone // a question
)

type status struct {
	tone tone
	text string
}

// Model is the state of the screen. It is a value: Update returns the next one.
type Model struct {
	options Options
	now     time.Time
	size    Size
	mode    mode
	prompt  prompt

	query    string
	asked    string // the query that was answered, or is being answered
	seq      int    // of the newest search
	search   bool   // a search is in flight or due
	found    bool   // asked was answered
	hits     Hits
	selected int

	cardSeq int
	loading string // the DeviceToken of the card that is being loaded; "" for none
	card    *Card
	chain   *Chain
	noChain string // why the chain is missing
	scroll  int

	helpScroll int
	command    int // of the commands to copy: the one that is shown

	changing *Change  // in flight
	writeSeq int      // of the newest change
	quitting bool     // ends when the change is done
	own      []Change // made on this screen and not taken back, the last at the end

	status  status
	retry   Cmd       // what is tried again when the service allows
	retryAt time.Time // zero for none
	refused string    // why it has to wait
	until   time.Time // changes are possible until then; zero where they are locked
}

// New returns the state at the beginning, and what is to be done first.
func New(o Options, now time.Time) (Model, []Cmd) {
	m := Model{options: o, now: now, size: Size{80, 24}}
	if strings.TrimSpace(o.Query) == "" {
		return m, nil
	}
	m.query = o.Query
	return m.searchNow()
}

// Update returns the next state, and what is to be done. now is the time of the message.
func (m Model) Update(now time.Time, msg Msg) (Model, []Cmd) {
	m.now = now
	switch msg := msg.(type) {
	case Key:
		return m.key(msg)
	case Paste:
		return m.typed(oneLine(msg.Text))
	case Typed:
		return m.line(msg.Text)
	case Size:
		m.size = msg
	case Found:
		return m.foundUsers(msg)
	case Loaded:
		return m.loadedCard(msg)
	case Explained:
		return m.explained(msg)
	case Sent:
		if m.changing != nil && msg.Seq == m.writeSeq {
			m.status = status{text: m.changeText(*m.changing) + ": sent, reading back"}
		}
	case Done:
		return m.changeDone(msg)
	case Due:
		return m.due(msg)
	case Noted:
		m.status = status{text: msg.Text}
	}
	return m, nil
}

// Busy reports whether an answer is awaited.
func (m Model) Busy() bool {
	return m.search || m.loading != "" || m.changing != nil || m.card != nil && m.chain == nil && m.noChain == ""
}

// readOnly reports whether changes are absent.
func (m Model) readOnly() bool { return m.options.ReadOnly && !m.now.Before(m.until) }

// typed puts text at the end of what is being typed.
func (m Model) typed(text string) (Model, []Cmd) {
	switch {
	case m.mode == asking && m.prompt.kind != askYes:
		m.prompt.text += text
		m.prompt.wrong = ""
	case m.mode == searching:
		return m.setQuery(m.query + text)
	}
	return m, nil
}

// line puts a whole line in the place of what was typed, and takes it as entered.
func (m Model) line(text string) (Model, []Cmd) {
	switch m.mode {
	case asking:
		m.prompt.text = oneLine(text)
		return m.key(Key{Name: "enter"})
	case searching:
		m.query, m.found = oneLine(text), false
		return m.searchNow()
	}
	return m, nil
}

func oneLine(text string) string {
	return strings.TrimRight(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(text), " ")
}

// setQuery takes a new query, which is searched for after a pause.
func (m Model) setQuery(query string) (Model, []Cmd) {
	m.query = query
	m.seq++
	m.retry, m.retryAt = nil, time.Time{}
	if strings.TrimSpace(query) == "" {
		m.search, m.found, m.asked, m.hits, m.selected, m.status = false, false, "", Hits{}, 0, status{}
		return m, []Cmd{CancelSearch{}}
	}
	m.search = true
	return m, []Cmd{Later{typingPause, Due{Typing, m.seq}}}
}

// searchNow sends the search that is typed.
func (m Model) searchNow() (Model, []Cmd) {
	if strings.TrimSpace(m.query) == "" {
		return m, nil
	}
	m.seq++
	m.search, m.asked, m.found, m.status = true, m.query, false, status{text: "searching"}
	return m, []Cmd{Search{m.seq, ParseQuery(m.query)}}
}

func (m Model) foundUsers(a Found) (Model, []Cmd) {
	if a.Seq != m.seq || m.asked != m.query {
		return m, nil // a newer search is in flight
	}
	m.search = false
	if a.Err != nil {
		return m.failed("search", a.Err, Search{a.Seq, ParseQuery(m.asked)})
	}
	m.found, m.hits, m.selected = true, a.Hits, 0
	m.status = status{text: m.hitsText()}
	return m, nil
}

func (m Model) hitsText() string {
	n := len(m.hits.Users)
	switch {
	case n == 0:
		return "no user matches"
	case m.hits.Total > n:
		return fmt.Sprintf("the first %d of %d users; type more to narrow the search", n, m.hits.Total)
	case n == 1:
		return "1 user"
	}
	return fmt.Sprintf("%d users", n)
}

// open loads the card of a user.
func (m Model) open(id string) (Model, []Cmd) {
	m.cardSeq++
	m.mode, m.loading, m.card, m.chain, m.noChain, m.scroll = reading, id, nil, nil, "", 0
	m.status = status{text: "loading the user"}
	return m, []Cmd{LoadCard{m.cardSeq, id}, LoadChain{m.cardSeq, id}}
}

// reload loads the card that is shown again.
func (m Model) reload() (Model, []Cmd) {
	if m.card == nil {
		return m, nil
	}
	scroll := m.scroll
	next, cmds := m.open(m.card.ID)
	next.scroll = scroll
	return next, cmds
}

func (m Model) loadedCard(a Loaded) (Model, []Cmd) {
	if a.Seq != m.cardSeq || m.loading == "" {
		return m, nil
	}
	id := m.loading
	m.loading = ""
	if a.Err != nil {
		m.mode = searching
		return m.failed("load the user", a.Err, LoadCard{a.Seq, id})
	}
	m.card, m.status = &a.Card, status{}
	return m, nil
}

func (m Model) explained(a Explained) (Model, []Cmd) {
	if a.Seq != m.cardSeq {
		return m, nil
	}
	if a.Err != nil {
		if failure.Is(a.Err, failure.Unauthorized) {
			return m.failed("explain the user", a.Err, nil)
		}
		m.noChain = m.errorText("not available", a.Err)
		return m, nil
	}
	m.chain = &a.Chain
	return m, nil
}

// failed shows an error. Where the service asks to wait, retry is done after that; an expired
// sign-in ends the screen.
func (m Model) failed(what string, err error, retry Cmd) (Model, []Cmd) {
	f := failure.From(err)
	if f.Code == failure.Unauthorized {
		return m, []Cmd{Quit{err}}
	}
	m.status = status{badTone, m.errorText(what, err)}
	if f.Code != failure.RateLimited || f.RetryAfter <= 0 || retry == nil {
		return m, nil
	}
	m.retry, m.retryAt, m.refused = retry, m.now.Add(f.RetryAfter), m.status.text
	m.status.text = m.countdown()
	return m, []Cmd{Later{time.Second, Due{Wait: Countdown}}}
}

func (m Model) countdown() string {
	left := m.retryAt.Sub(m.now).Round(time.Second)
	return m.refused + ": trying again in " + lengthText(left)
}

// errorText says what failed and why, with the code and the request's ID.
func (m Model) errorText(what string, err error) string {
	f := failure.From(err)
	text := f.Error()
	if !strings.HasPrefix(text, what) {
		text = what + ": " + text
	}
	text += " [" + string(f.Code)
	if f.Status != 0 {
		text += fmt.Sprintf(" %d", f.Status)
	}
	if f.RequestID != "" {
		text += ", request " + f.RequestID
	}
	return text + "]"
}

// due goes on after a wait.
func (m Model) due(d Due) (Model, []Cmd) {
	switch d.Wait {
	case Typing:
		if d.Seq == m.seq && m.search && m.asked != m.query || d.Seq == m.seq && m.search && !m.found {
			return m.searchNow()
		}
	case Countdown:
		if m.retry == nil {
			return m, nil
		}
		if m.now.Before(m.retryAt) {
			m.status = status{badTone, m.countdown()}
			return m, []Cmd{Later{time.Second, Due{Wait: Countdown}}}
		}
		return m.again()
	case Locking:
		if m.readOnly() {
			m.status = status{text: "read-only again"}
			if m.mode == asking && m.prompt.kind != askProfile {
				m.mode = m.prompt.back
			}
		}
	}
	return m, nil
}

// again repeats what the service had refused for a time.
func (m Model) again() (Model, []Cmd) {
	retry := m.retry
	m.retry, m.retryAt, m.status = nil, time.Time{}, status{text: "trying again"}
	switch retry := retry.(type) {
	case Search:
		if m.query != m.asked {
			return m, nil
		}
		return m.searchNow()
	case LoadCard:
		return m.open(retry.ID)
	}
	return m, nil
}

// lastOwn returns the change that z takes back: the last one of the user that was made on this
// screen, or else the last one in the audit record. nil is none.
func (m Model) lastOwn() *Change {
	if m.card == nil {
		return nil
	}
	for _, c := range slices.Backward(m.own) {
		if c.ID == m.card.ID {
			back := c.Back()
			return &back
		}
	}
	return m.card.Last
}

// quit ends, after a change that is in flight.
func (m Model) quit() (Model, []Cmd) {
	if m.changing != nil {
		m.quitting = true
		m.status = status{text: "waiting for the change that is in flight"}
		return m, nil
	}
	return m, []Cmd{Quit{}}
}
