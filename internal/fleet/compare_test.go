package fleet

import (
	"encoding/json"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

// What is written and what the service reads back differ in form: that is not a change.
func TestWhatIsTheSameAsTheServiceHas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field           string
		wanted, current any
		same            bool
	}{
		{"FirstName", "Ada", "Ada", true},
		{"FirstName", "Zoe\u0308", "Zoë", true},
		{"FirstName", "Ada", "Bo", false},
		{"FirstName", "Ada", nil, false},
		{"FirstName", nil, "Ada", false},
		{"FirstName", "", nil, true},
		{"FirstName", nil, "", true},
		{"Email", "Ada@Example.com", "ada@example.com", true},
		{"Phone", "+49 170 1234567", "+491701234567", true},
		{"Status", "Deactivated", "Inactive", true},
		{"Status", "Active", "Active", true},
		{"Status", "Deactivated", "Active", false},
		{"Birthday", "1990-05-31T00:00:00Z", "1990-05-31T00:00:00", true},
		{"Birthday", "1990-05-31T02:00:00+02:00", "1990-05-31T00:00:00", true},
		{"Birthday", "1990-05-31T00:00:00Z", "1990-06-01T00:00:00", false},
		{"ChildrenCount", int64(2), json.Number("2"), true},
		{"ChildrenCount", int64(2), 2.0, true},
		{"ChildrenCount", int64(2), int64(3), false},
		{"EnableLogging", true, true, true},
		{"EnableLogging", false, nil, false},
		{"EnableLogging", false, "False", true},
	} {
		if got := Same(field.MustGet(c.field), c.wanted, c.current); got != c.same {
			t.Errorf("%s: %v against %v: same is %t", c.field, c.wanted, c.current, got)
		}
	}
}

func TestDifferencesNameWhatWasAndWhatWillBe(t *testing.T) {
	t.Parallel()
	var wanted, current field.Set
	wanted.Put(field.MustGet("City"), "Bonn")
	wanted.Put(field.MustGet("Status"), "Deactivated")
	wanted.Put(field.MustGet("EnableLogging"), true)
	current.Put(field.MustGet("City"), "Bonn")
	current.Put(field.MustGet("Status"), "Active")
	current.Put(field.MustGet("EnableLogging"), false)
	current.Put(field.MustGet("FirstName"), "Ada")
	got := Differences(wanted, current)
	if len(got) != 2 || got[0].Field.Name != "Status" || got[0].From != "Active" || got[0].To != "Deactivated" ||
		got[1].Field.Name != "EnableLogging" || got[1].From != false || got[1].To != true {
		t.Errorf("got %v", got)
	}
}
