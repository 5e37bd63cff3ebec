package browse_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/browse"
	"github.com/telematicsctl/telematicsctl/internal/failure"
)

func TestWhatATextLooksLike(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]browse.Query{
		"ada":                                  {browse.ByText, "ada"},
		"  Ada Love ":                          {browse.ByText, "Ada Love"},
		ada:                                    {browse.ByDeviceToken, ada},
		"{" + strings.ToUpper(ada) + "}":       {browse.ByDeviceToken, "{" + strings.ToUpper(ada) + "}"},
		strings.ReplaceAll(ada, "-", ""):       {browse.ByDeviceToken, strings.ReplaceAll(ada, "-", "")},
		"ada@example.com":                      {browse.ByEmail, "ada@example.com"},
		"ada@exam":                             {browse.ByText, "ada@exam"},
		"ada love@example.com":                 {browse.ByText, "ada love@example.com"},
		"email: Ada@Example.com":               {browse.ByEmail, "Ada@Example.com"},
		"+49 170 123-4567":                     {browse.ByPhone, "+49 170 123-4567"},
		"(0170) 1234567":                       {browse.ByPhone, "(0170) 1234567"},
		"phone:112":                            {browse.ByPhone, "112"},
		"123456":                               {browse.ByText, "123456"},
		"client:c-2001":                        {browse.ByClientID, "c-2001"},
		"CLIENT: c 1":                          {browse.ByClientID, "c 1"},
		"client:":                              {browse.ByText, "client:"},
		"c-2001":                               {browse.ByText, "c-2001"},
		"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a7":  {browse.ByText, "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a7"},
		"8f14e45f-ceea-467f-8b3e-2c1d6e5b9axy": {browse.ByText, "8f14e45f-ceea-467f-8b3e-2c1d6e5b9axy"},
	} {
		if got := browse.ParseQuery(text); got != want {
			t.Errorf("%q: %+v, not %+v", text, got, want)
		}
	}
}

// Keys of the search make these commands.
func TestSearchAsYouType(t *testing.T) {
	t.Parallel()
	const pause = "in 250ms 0"
	for _, c := range []struct {
		name  string
		steps func(*desk)
		did   []string
		shows string
	}{
		{"a search waits for the pause after the last key", func(d *desk) { d.do("text:ada"); d.typingOver() },
			[]string{pause, pause, pause, `search 0 "ada"`}, "Searching."},
		{"the end of an earlier pause sends nothing", func(d *desk) {
			d.do("a", browse.Due{Wait: browse.Typing, Seq: 1}, "d", browse.Due{Wait: browse.Typing, Seq: 1})
		}, []string{pause, `search 0 "a"`, pause}, "Searching."},
		{"Enter does not wait", func(d *desk) { d.do("text:ad", "enter") },
			[]string{pause, pause, `search 0 "ad"`}, "Searching."},
		{"the pause after Enter sends nothing twice", func(d *desk) { d.do("a", "enter"); d.typingOver() },
			[]string{pause, `search 0 "a"`}, "Searching."},
		{"an older answer is dropped", func(d *desk) {
			d.do("a", "enter", "b", "enter")
			d.do(browse.Found{Seq: 2, Hits: twoHits()})
		}, []string{pause, `search 0 "a"`, pause, `search 0 "ab"`}, "Searching."},
		{"nothing typed is nothing searched", func(d *desk) { d.do("a", "backspace", "enter") },
			[]string{pause, "browse.CancelSearch"}, "Type to search."},
		{"blanks are nothing", func(d *desk) { d.do("space", "enter") }, []string{"browse.CancelSearch"}, "Type to search."},
		{"a paste is typed in one line", func(d *desk) { d.do(browse.Paste{Text: "client:c-1\r\n"}); d.typingOver() },
			[]string{pause, `search 4 "c-1"`}, "Searching."},
		{"Esc clears", func(d *desk) { d.do("text:ab", "esc") },
			[]string{pause, pause, "browse.CancelSearch"}, "Type to search."},
		{"ctrl+w deletes a word", func(d *desk) { d.do("text:a b", "ctrl+w", "enter") },
			[]string{pause, pause, pause, pause, `search 0 "a"`}, "Searching."},
		{"nobody is found", func(d *desk) { d.do("x", "enter"); d.answered(browse.Hits{}, nil); d.do("enter", "down", "up") },
			[]string{pause, `search 0 "x"`}, "no user matches"},
		{"more are found than were read", func(d *desk) {
			d.do("x", "enter")
			hits := twoHits()
			hits.Total = 20000
			d.answered(hits, nil)
		}, []string{pause, `search 0 "x"`}, "the first 2 of 20000 users"},
		{"the one that is marked is opened", func(d *desk) {
			d.do("x", "enter")
			d.answered(twoHits(), nil)
			d.do("down", "down", "enter")
		}, []string{pause, `search 0 "x"`, "load 0b6a", "explain 0b6a"}, "loading the user"},
		{"what was typed after the answer is searched for, not opened", func(d *desk) {
			d.do("x", "enter")
			d.answered(twoHits(), nil)
			d.do("y", "enter")
		}, []string{pause, `search 0 "x"`, pause, `search 0 "xy"`}, "Ada Lovelace"},
		{"leaving", func(d *desk) { d.do("ctrl+d") }, []string{"quit <nil>"}, "Search:"},
		{"Ctrl-C", func(d *desk) { d.do("ctrl+c") }, []string{"quit interrupted"}, "Search:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := sitDown(options())
			c.steps(d)
			if !slices.Equal(d.did, c.did) {
				t.Errorf("commands %q, not %q", d.did, c.did)
			}
			if shows := d.screen(80, 24); !strings.Contains(shows, c.shows) {
				t.Errorf("it does not show %q:\n%s", c.shows, shows)
			}
		})
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	refused := failure.Newf(failure.Rejected, "update: no")
	lost := failure.Newf(failure.Unavailable, "update: no answer")
	lost.MayHaveApplied = true
	confirmed := func(field string, on bool) browse.Changed {
		return browse.Changed{Card: with(adaCard(), field, on)}
	}
	for _, c := range []struct {
		name  string
		steps func(*desk)
		did   []string
		shows string
	}{
		{"tracking asks one question", func(d *desk) { d.do("t") }, nil,
			"EnableTracking of " + name1 + ": on → off   y/n"},
		{"y makes the change", func(d *desk) { d.do("t", "y") },
			[]string{"write EnableTracking true→false for 0s undo false"}, "reading the user again"},
		{"it is said when it is sent", func(d *desk) { d.do("t", "y", browse.Sent{Seq: 1}) },
			[]string{"write EnableTracking true→false for 0s undo false"}, "sent, reading back"},
		{"it is read back, and explained again", func(d *desk) {
			d.do("t", "y")
			d.written(confirmed("EnableTracking", false), nil)
		}, []string{"write EnableTracking true→false for 0s undo false", "explain 8f14"}, "on → off: sent → confirmed"},
		{"it reads back otherwise", func(d *desk) {
			d.do("t", "y")
			d.written(browse.Changed{Card: adaCard(), Outcome: browse.Unconfirmed}, nil)
		}, []string{"write EnableTracking true→false for 0s undo false", "explain 8f14"}, "sent, but it reads back on"},
		{"it cannot be read back", func(d *desk) {
			d.do("t", "y")
			d.written(browse.Changed{Card: adaCard(), Outcome: browse.Unread, Err: refused}, nil)
		}, []string{"write EnableTracking true→false for 0s undo false"}, "sent, but it cannot be read back"},
		{"Enter does not answer", func(d *desk) { d.do("t", "enter", "enter", "space", "Y") }, nil, "y/n"},
		{"the key that asked does not answer", func(d *desk) { d.do("t", "t", "t", "l", "e") }, nil,
			"EnableTracking of " + name1 + ": on → off   y/n"},
		{"a paste does not answer", func(d *desk) { d.do("t", browse.Paste{Text: "y"}, browse.Paste{Text: "ty"}) },
			nil, "y/n"},
		{"n", func(d *desk) { d.do("t", "n", "y") }, nil, "nothing was changed"},
		{"Esc is no", func(d *desk) { d.do("t", "esc", "y") }, nil, "nothing was changed"},
		{"logging asks for how long", func(d *desk) { d.do("l") }, nil, "For how long?"},
		{"four hours unless something else is typed", func(d *desk) { d.do("l", "enter") }, nil,
			"EnableLogging of " + name1 + ": off → on for 4h   y/n"},
		{"Enter twice is not y", func(d *desk) { d.do("l", "enter", "enter") }, nil, "y/n"},
		{"for 90 minutes", func(d *desk) { d.do("l", "text:90m", "enter", "y") },
			[]string{"write EnableLogging false→true for 1h30m0s undo false"}, "for 90m"},
		{"for good", func(d *desk) { d.do("l", "text:Always", "enter", "y") },
			[]string{"write EnableLogging false→true for 0s undo false"}, "off → on: reading"},
		{"for a length that is none", func(d *desk) { d.do("l", "text:long", "enter") }, nil, "invalid duration"},
		{"for too short", func(d *desk) { d.do("l", "text:1s", "enter") }, nil, "at least a minute"},
		{"off asks for no length", func(d *desk) { d.do("r", "y") },
			[]string{"write EnableRealTimeLocation true→false for 0s undo false"}, "reading the user again"},
		{"nothing else while a change is in flight", func(d *desk) { d.do("t", "y", "t", "y", "z", "y", "u") },
			[]string{"write EnableTracking true→false for 0s undo false"}, "reading the user again"},
		{"leaving waits for it", func(d *desk) { d.do("e", "y", "q"); d.written(confirmed("Enabled", false), nil) },
			[]string{"write Enabled true→false for 0s undo false", "explain 8f14", "quit <nil>"}, "confirmed"},
		{"refused", func(d *desk) { d.do("t", "y"); d.written(browse.Changed{}, refused) },
			[]string{"write EnableTracking true→false for 0s undo false"}, "update: no [rejected]"},
		{"an answer is lost", func(d *desk) { d.do("t", "y"); d.written(browse.Changed{}, lost) },
			[]string{"write EnableTracking true→false for 0s undo false", "load 8f14", "explain 8f14"},
			"it may have been made anyway"},
		{"changed meanwhile: it asks again", func(d *desk) {
			d.do("t", "y")
			d.written(browse.Changed{Card: with(adaCard(), "EnableLogging", true), Outcome: browse.Stale}, nil)
			d.do("y")
		}, []string{"write EnableTracking true→false for 0s undo false",
			"write EnableTracking true→false for 0s undo false"},
			"reading the user again"},
		{"changed meanwhile: it says so", func(d *desk) {
			d.do("t", "y")
			d.written(browse.Changed{Card: with(adaCard(), "EnableLogging", true), Outcome: browse.Stale}, nil)
		}, []string{"write EnableTracking true→false for 0s undo false"},
			"changed meanwhile by somebody else (EnableLogging off → on)"},
		{"somebody else was faster", func(d *desk) {
			d.do("t", "y")
			d.written(browse.Changed{Card: with(adaCard(), "EnableTracking", false), Outcome: browse.Stale}, nil)
			d.do("y")
		}, []string{"write EnableTracking true→false for 0s undo false"}, "(EnableTracking on → off): nothing was sent"},
		{"z takes the last own change back", func(d *desk) {
			d.do("t", "y")
			d.written(confirmed("EnableTracking", false), nil)
			d.do("z", "y")
		}, []string{"write EnableTracking true→false for 0s undo false", "explain 8f14",
			"write EnableTracking false→true for 0s undo true"}, "undo: EnableTracking of " + name1 + ": off → on"},
		{"z twice goes back to the one before", func(d *desk) {
			d.do("t", "y")
			d.written(confirmed("EnableTracking", false), nil)
			d.do("z", "y")
			d.written(browse.Changed{Card: adaCard()}, nil)
			d.do("z")
		}, []string{"write EnableTracking true→false for 0s undo false", "explain 8f14",
			"write EnableTracking false→true for 0s undo true", "explain 8f14"},
			"undo: EnableRealTimeLocation of " + name1 + ": on → off"},
		{"z of a change that is recorded here", func(d *desk) { d.do("z", "y") },
			[]string{"write EnableRealTimeLocation true→false for 0s undo true"}, "undo: EnableRealTimeLocation"},
		{"z where somebody else has changed it since", func(d *desk) {
			d.loaded(with(adaCard(), "EnableRealTimeLocation", false), adaChain())
			d.do("u")
			d.loaded(with(adaCard(), "EnableRealTimeLocation", false), adaChain())
			d.do("z", "y")
		}, []string{"load 8f14", "explain 8f14"}, "somebody else has changed it since"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := atAda(options())
			c.steps(d)
			if !slices.Equal(d.did, c.did) {
				t.Errorf("commands %q, not %q", d.did, c.did)
			}
			shows, want := strings.Fields(d.screen(200, 40)), strings.Fields(c.shows)
			if !strings.Contains(strings.Join(shows, " "), strings.Join(want, " ")) {
				t.Errorf("it does not show %q:\n%s", c.shows, d.screen(200, 40))
			}
		})
	}
}

func TestErrorsInTheStatusLine(t *testing.T) {
	t.Parallel()
	unavailable := &failure.Error{Code: failure.Unavailable, Status: 503, RequestID: "4f1e",
		Message: "list users: the service answered 503"}
	limited := &failure.Error{Code: failure.RateLimited, Status: 429, RequestID: "9a2b", RetryAfter: 12 * time.Second,
		Message: "list users: too many requests"}
	expired := failure.New(failure.Unauthorized, "not signed in")
	for _, c := range []struct {
		name  string
		steps func(*desk)
		did   string // the last command
		shows string
	}{
		{"503", func(d *desk) { d.answered(browse.Hits{}, unavailable) }, `search 0 "x"`,
			"search: list users: the service answered 503 [unavailable 503, request 4f1e]"},
		{"503, and Enter tries again", func(d *desk) { d.answered(browse.Hits{}, unavailable); d.do("enter") },
			`search 0 "x"`, "Searching."},
		{"429 counts down", func(d *desk) { d.answered(browse.Hits{}, limited) }, "in 1s 1",
			"[rate_limited 429, request 9a2b]: trying again in 12s"},
		{"429, five seconds later", func(d *desk) {
			d.answered(browse.Hits{}, limited)
			d.do(5*time.Second, browse.Due{Wait: browse.Countdown})
		}, "in 1s 1", "trying again in 7s"},
		{"429 is over", func(d *desk) {
			d.answered(browse.Hits{}, limited)
			d.do(12*time.Second, browse.Due{Wait: browse.Countdown})
		}, `search 0 "x"`, "searching"},
		{"429, and something else is typed", func(d *desk) {
			d.answered(browse.Hits{}, limited)
			d.do("y", 12*time.Second, browse.Due{Wait: browse.Countdown})
		}, "in 250ms 0", "Search: xy"},
		{"the sign-in has expired", func(d *desk) { d.answered(browse.Hits{}, expired) }, "quit not signed in", ""},
		{"a card cannot be loaded", func(d *desk) {
			d.answered(twoHits(), nil)
			d.do("enter", browse.Loaded{Seq: 1, Err: unavailable})
		}, "explain 8f14", "load the user: list users: the service answered 503"},
		{"429 of a card", func(d *desk) {
			d.answered(twoHits(), nil)
			d.do("enter", browse.Loaded{Seq: 1, Err: limited}, 12*time.Second, browse.Due{Wait: browse.Countdown})
		}, "explain 8f14", "loading the user"},
		{"a chain cannot be loaded", func(d *desk) {
			d.answered(twoHits(), nil)
			d.do("enter", browse.Loaded{Seq: 1, Card: adaCard()}, browse.Explained{Seq: 1, Err: unavailable})
		}, "explain 8f14", "not available: list users"},
		{"the sign-in has expired behind a chain", func(d *desk) {
			d.answered(twoHits(), nil)
			d.do("enter", browse.Loaded{Seq: 1, Card: adaCard()}, browse.Explained{Seq: 1, Err: expired})
		}, "quit not signed in", ""},
		{"a remark", func(d *desk) { d.do(browse.Noted{Text: "update: 503; trying again in 2s"}) }, `search 0 "x"`,
			"trying again in 2s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := sitDown(options(), "x", "enter")
			c.steps(d)
			if last := d.did[len(d.did)-1]; last != c.did {
				t.Errorf("the last of %q is not %q", d.did, c.did)
			}
			if shows := d.screen(150, 40); !strings.Contains(shows, c.shows) {
				t.Errorf("it does not show %q:\n%s", c.shows, shows)
			}
		})
	}
}

// A card that is left while it loads does not come back, and one that comes late takes no keys that
// were meant for the search.
func TestACardThatIsLeftStaysAway(t *testing.T) {
	t.Parallel()
	d := sitDown(options(), "x", "enter")
	d.answered(twoHits(), nil)
	d.do("enter", "esc", browse.Loaded{Seq: 1, Card: adaCard()}, "text:tly")
	if shows := d.screen(80, 24); !strings.Contains(shows, "Search: xtly") || strings.Contains(shows, "y/n") {
		t.Errorf("it shows\n%s", shows)
	}
}
