// Package browse is the support screen: search users, look at one, switch a flag, undo.
//
// It has three parts. Model is pure: a state and a message give the next state and commands, which
// are data; it knows neither a terminal, a clock nor the service. The runner carries the commands
// out by a Port of five methods, and sends what came of them back as messages. Two views show the
// model: the screen (Screen), and a line dialogue (Dialogue) for screen readers, simple terminals
// and pipes. Whatever can be done is a binding of the key map, which both views use; what a
// read-only screen may not do is not in it.
//
// A change goes this way: a key asks a question that only y answers; the port reads the user again
// and refuses a change whose premise no longer holds; it is sent, recorded, and read back.
package browse

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A Port is the way to the users of one instance. Its methods may be called by many goroutines.
type Port interface {
	// Search returns the first users who match, and how many there are. It reads one page at most.
	Search(ctx context.Context, q Query) (Hits, error)
	// Card returns what is known of a user.
	Card(ctx context.Context, id string) (Card, error)
	// Explain returns the chain of reasons why a phone does or does not record.
	Explain(ctx context.Context, id string) (Chain, error)
	// Change reads the user, and, if the flag still is as c says, changes it, records the change and
	// reads the user back. sent is called once the service has taken the change.
	Change(ctx context.Context, c Change, sent func()) (Changed, error)
	// Undo is Change of a change that takes an earlier one back.
	Undo(ctx context.Context, c Change, sent func()) (Changed, error)
}

// Kind says what a query looks like.
type Kind uint8

// The kinds of queries.
const (
	ByText Kind = iota // any text: the list's search
	ByDeviceToken
	ByEmail
	ByPhone
	ByClientID
)

// Query is what the person looks for.
type Query struct {
	Kind  Kind
	Value string
}

// ParseQuery says what a text looks like: a UUID, an email address, a phone number and client:ID
// are found exactly, anything else is searched for.
func ParseQuery(text string) Query {
	text = strings.TrimSpace(text)
	prefix, value, ok := strings.Cut(text, ":")
	if value = strings.TrimSpace(value); ok && value != "" {
		switch strings.ToLower(prefix) {
		case "client":
			return Query{ByClientID, value}
		case "email":
			return Query{ByEmail, value}
		case "phone":
			return Query{ByPhone, value}
		}
	}
	switch {
	case looksLikeUUID(text):
		return Query{ByDeviceToken, text}
	case looksLikeEmail(text):
		return Query{ByEmail, text}
	case looksLikePhone(text):
		return Query{ByPhone, text}
	}
	return Query{ByText, text}
}

func looksLikeUUID(text string) bool {
	digits := strings.NewReplacer("-", "", "{", "", "}", "").Replace(text)
	return len(digits) == 32 && strings.Trim(strings.ToLower(digits), "0123456789abcdef") == ""
}

func looksLikeEmail(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	dot := strings.LastIndexByte(domain, '.')
	return ok && local != "" && dot > 0 && len(domain)-dot > 2 && !strings.ContainsAny(text, " \t")
}

func looksLikePhone(text string) bool {
	digits := strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "", "/", "").Replace(text)
	digits = strings.TrimPrefix(digits, "+")
	return len(digits) >= 7 && len(digits) <= 15 && strings.Trim(digits, "0123456789") == ""
}

// Hit is a user who was found.
type Hit struct {
	ID       string // the DeviceToken
	Name     string
	ClientID string
	Detail   string // what tells users of one name apart: the email, the status
}

// Hits are the first users who were found.
type Hits struct {
	Users []Hit
	Total int // how many there are; those beyond Users were not read
}

// Flag is one of the flags of a user that can be switched.
type Flag struct {
	Name string // the service's: EnableLogging
	On   bool
}

// Lease is a temporary change that is in force.
type Lease struct {
	Field  string
	Value  bool
	Before bool // what is put back
	Until  time.Time
}

// Event is a change of the user that is in the audit record of this machine.
type Event struct {
	At      time.Time
	By      string // the command: "user set-logging"
	Profile string // by which it was made
	Changes string // "EnableLogging off → on"
	Outcome string
}

// Command is a command that can be copied.
type Command struct {
	What   string // "Delete this user"
	Line   string
	Writes bool
}

// Card is what is known of a user.
type Card struct {
	ID       string // the DeviceToken
	Name     string
	ClientID string
	Status   string
	Activity string
	Flags    []Flag
	Device   string // model and system
	SDK, App string // versions

	Registered time.Time
	Events     []Event // the newest first
	Leases     []Lease
	Last       *Change   // takes the last recorded change of flags back; nil for none
	Commands   []Command // what is not done here
}

// Who names the user in a few words: "Ada Lovelace (c-2001)".
func (c Card) Who() string { return who(c.Name, c.ClientID, c.ID) }

func who(name, clientID, id string) string {
	switch {
	case name != "" && clientID != "":
		return name + " (" + clientID + ")"
	case name+clientID != "":
		return name + clientID
	}
	return id
}

// Flag returns one of the flags.
func (c Card) Flag(name string) (Flag, bool) {
	for _, f := range c.Flags {
		if f.Name == name {
			return f, true
		}
	}
	return Flag{}, false
}

// seen is what a person decides a change by: "Status Active", "EnableLogging off".
func (c Card) seen() []string {
	out := []string{"Status " + c.Status}
	for _, f := range c.Flags {
		out = append(out, f.Name+" "+onOff(f.On))
	}
	return out
}

// Holds reports whether a user still is as the person saw it who asked for the change.
func (c Change) Holds(now Card) bool { return slices.Equal(c.Seen, now.seen()) }

// differences names what is not as it was: "EnableLogging off → on".
func differences(was, is []string, arrow string) string {
	var out []string
	for i, now := range is {
		if i < len(was) && was[i] != now {
			_, value, _ := strings.Cut(now, " ")
			out = append(out, was[i]+arrow+value)
		}
	}
	return strings.Join(out, ", ")
}

// Check is one link of the chain.
type Check struct {
	Title, State, Detail string // State is good, warning, broken or unknown
	Fix                  string // a command; "" for none
}

// Chain says why a phone does or does not record.
type Chain struct {
	Verdict  string // ok, warning, broken or unknown
	LastSeen string // "2 hours ago, 2026-11-22 10:00 UTC"
	Checks   []Check
}

// Change is a switch of one flag of one user.
type Change struct {
	ID       string // the user's DeviceToken
	Who      string // the user in a few words
	Field    string
	From, To bool
	For      time.Duration // put back after this time; 0 for never
	Undo     bool          // takes an earlier change back
	Seen     []string      // the status and the flags as the person saw them: Stale rests on them
}

// Back returns the change that takes this one back.
func (c Change) Back() Change {
	c.From, c.To, c.For, c.Undo = c.To, c.From, 0, true
	return c
}

// Changed is what became of a change.
type Changed struct {
	Card    Card // as it was read back, or, where nothing was sent, as it is
	Outcome Outcome
	Err     error // of Unread
}

// Outcome says how far a change came.
type Outcome uint8

// The outcomes of a change.
const (
	Confirmed   Outcome = iota // sent, and read back as it was sent
	Unconfirmed                // sent, and read back otherwise
	Unread                     // sent, but it could not be read back: Err says why, and Card is as before
	Stale                      // the user has changed since the card was shown; nothing was sent
)

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
