package audit

import (
	"encoding/json"
	"testing"
	"time"
)

// A line holds an entry as encoding/json writes it, whatever is in it.
func TestALineIsTheEntryAsJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.FixedZone("", 3600))
	for name, e := range map[string]Entry{
		"registered": {Time: at, Profile: "default", Operation: "register", DeviceToken: "5a4db0c5", Outcome: "created"},
		"changed": {Time: at, Job: "0a1b", RequestID: "r-1", Operation: "update",
			DeviceToken: "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70", Outcome: "updated",
			Changes: []Change{{"EnableLogging", true, nil}, {"FirstName", "Ada", "Zoë"}}},
		"special": {Time: at, Profile: "a\"b\\c<d>&é\x01\u2028", Command: "user \xff"},
		"nothing": {},
	} {
		want := e
		want.Time = e.Time.UTC().Truncate(time.Millisecond)
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendEntry(nil, e)
		if err != nil || string(got) != string(text) {
			t.Errorf("%s: %s (%v), want %s", name, got, err, text)
		}
		line, err := appendLine([]byte("before\n"), e)
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := userOf(line[len("before\n") : len(line)-1]); ok != (name == "changed") || ok &&
			id.String() != e.DeviceToken {
			t.Errorf("%s: %s is about %s (%v)", name, line, id, ok)
		}
		if _, ok := decode(line[len("before\n"):]); !ok {
			t.Errorf("%s: %s cannot be read", name, line)
		}
	}
}
