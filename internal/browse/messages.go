package browse

import "time"

// A Msg is an event that the model handles.
type Msg interface{ msg() }

type (
	// Key is a key that was pressed: "enter", "up", "ctrl+c", or a character.
	Key struct {
		Name string
		Text string // what it types; "" for a key that types nothing
	}
	// Paste is text that was pasted. It never counts as keys.
	Paste struct{ Text string }
	// Typed is a whole line of the dialogue, in the place of what was typed so far.
	Typed struct{ Text string }
	// Size is the size of the screen.
	Size struct{ Width, Height int }
	// Found is the answer to Search.
	Found struct {
		Seq  int
		Hits Hits
		Err  error
	}
	// Loaded is the answer to LoadCard.
	Loaded struct {
		Seq  int
		Card Card
		Err  error
	}
	// Explained is the answer to LoadChain.
	Explained struct {
		Seq   int
		Chain Chain
		Err   error
	}
	// Sent says that the service has taken a change.
	Sent struct{ Seq int }
	// Done is the answer to Write.
	Done struct {
		Seq     int
		Changed Changed
		Err     error
	}
	// Due is the end of a wait.
	Due struct {
		Wait Wait
		Seq  int
	}
	// Noted is a remark of the port: a retry, a lease that nothing will end.
	Noted struct{ Text string }
)

func (Key) msg()       {}
func (Paste) msg()     {}
func (Typed) msg()     {}
func (Size) msg()      {}
func (Found) msg()     {}
func (Loaded) msg()    {}
func (Explained) msg() {}
func (Sent) msg()      {}
func (Done) msg()      {}
func (Due) msg()       {}
func (Noted) msg()     {}

// Wait is what is waited for.
type Wait uint8

// The waits.
const (
	Typing    Wait = iota // for the next key, before a search is sent
	Countdown             // for the next second, while the service asks to wait
	Locking               // for the end of an unlocked time
)

// A Cmd is what the model wants done.
type Cmd interface{ cmd() }

type (
	// Search searches, and cancels the search before it.
	Search struct {
		Seq   int
		Query Query
	}
	// CancelSearch cancels the search that is in flight.
	CancelSearch struct{}
	// LoadCard loads a card, and cancels the load before it.
	LoadCard struct {
		Seq int
		ID  string
	}
	// LoadChain explains a user, and cancels the explanation before it.
	LoadChain struct {
		Seq int
		ID  string
	}
	// Write makes a change.
	Write struct {
		Seq    int
		Change Change
	}
	// Later sends Due after a time. A later one of the same wait takes its place.
	Later struct {
		After time.Duration
		Due   Due
	}
	// Quit ends.
	Quit struct{ Err error }
)

func (Search) cmd()       {}
func (CancelSearch) cmd() {}
func (LoadCard) cmd()     {}
func (LoadChain) cmd()    {}
func (Write) cmd()        {}
func (Later) cmd()        {}
func (Quit) cmd()         {}
