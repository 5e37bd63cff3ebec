// Package apply makes the users of an instance match a file: it compares the rows with
// the users and plans what is to be created, updated, moved, deactivated and deleted; it
// saves plans, judges them by limits, and carries one out as a job.
//
// Planning is pure: rows and users go in, a Plan comes out. A file owns the fields that
// are its columns, and no others; it owns the users whom an earlier apply has recorded in
// the Ledger, or who are in the Scope, for what becomes of those whom it does not name any more.
package apply

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/job"
)

// Kind is what an action does to a user.
type Kind string

// The kinds, in the order in which they are carried out.
const (
	Create     Kind = "create"
	Update     Kind = "update"
	Move       Kind = "move"
	Deactivate Kind = "deactivate"
	Delete     Kind = "delete"
)

// Kinds lists the kinds in the order in which they are carried out; the place of a kind
// is its phase.
func Kinds() []Kind { return []Kind{Create, Update, Move, Deactivate, Delete} }

// Removes reports whether users are taken away.
func (k Kind) Removes() bool { return k == Deactivate || k == Delete }

// deviceTokenKey is what an Action's KeyField is where the row names the user by the DeviceToken.
const deviceTokenKey = "DeviceToken"

// instanceField is what a Change calls the instance of a user who is moved.
const instanceField = "InstanceId"

// Action is what is done to one user.
type Action struct {
	Action      Kind
	DeviceToken uuid.UUID // of the user, or the one that is assigned
	Key         string    // what the row, or the user who is removed, is known by
	KeyField    string    // the field that Key is a value of; "DeviceToken" for none
	Row         int       `json:",omitempty"` // of the file; 0 for a removal
	// InstanceID is the instance that the user is in, where it is another one.
	InstanceID string `json:"InstanceId,omitempty"`
	// Changes are the fields with the values before and after; of a user who is created, those that
	// are set.
	Changes  []job.Change
	Activity string     `json:",omitempty"` // of a user who is removed: the ActivityStatus
	LastSeen *time.Time `json:",omitempty"` // of a user who is removed: the last trip, where it is known
}

// Fields returns what is sent for the user.
func (a *Action) Fields() field.Set {
	var out field.Set
	for _, c := range a.Changes {
		if f, ok := field.Lookup(c.Field); ok && c.Field != instanceField {
			out.Put(f, value(f, c.To))
		}
	}
	return out
}

// value returns a value that was read from JSON as a field.Set holds it.
func value(f *field.Field, v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		return v.String()
	case float64:
		return int64(v)
	case string:
		if f.Kind == field.Flag || f.Kind == field.Count {
			if parsed, err := f.ParseText(v, time.Time{}); err == nil {
				return parsed
			}
		}
	}
	return v
}

// Summary counts what a plan does.
type Summary struct {
	Create, Update, Move, Deactivate, Delete int
	Unchanged                                int // managed, and as the file says
	Unmanaged                                int // of the instance, and none of the file's
}

// Changes returns how many users are changed.
func (s Summary) Changes() int { return s.Create + s.Update + s.Move + s.Removals() }

// Removals returns how many users are deactivated or deleted.
func (s Summary) Removals() int { return s.Deactivate + s.Delete }

func (s *Summary) add(k Kind) {
	switch k {
	case Create:
		s.Create++
	case Update:
		s.Update++
	case Move:
		s.Move++
	case Deactivate:
		s.Deactivate++
	case Delete:
		s.Delete++
	}
}

// Absent is what becomes of an owned user whom the file does not name.
type Absent string

// What can become of them.
const (
	AbsentIgnore     Absent = "ignore"
	AbsentDeactivate Absent = "deactivate"
	AbsentDelete     Absent = "delete" // who was deactivated for the grace; others are deactivated
)

// Input is the file that a plan was made from.
type Input struct {
	Name   string
	Digest string // SHA-256
	Rows   int
	Ended  bool // its last line has a line end, or it has no lines
	// Last is the field of the last column: the one whose value is cut where the last line is.
	Last string `json:",omitempty"`
}

// Head says where a plan is from.
type Head struct {
	Version  int `json:"Plan"`
	Tool     string
	Made     time.Time
	Profile  string
	Host     string
	Instance string `json:"InstanceId"`
	Input    *Input `json:",omitempty"`
	Undoes   string `json:",omitempty"` // the job that it undoes
	Key      []string
	Columns  []string // the fields that the file owns
	Absent   Absent
	Scope    string `json:",omitempty"`
	Grace    string `json:",omitempty"`
	Keep     string `json:",omitempty"` // the file of users who are exempt
	Moves    bool   `json:",omitempty"`
	Blank    string // what a blank cell does: "leaves the value alone" or "clears the value"
	Ledger   string `json:",omitempty"` // the path of the ledger
	Listed   time.Time
	Users    int  // of the instance
	Managed  int  // of these, by the file, the ledger or the scope
	First    bool `json:",omitempty"` // no earlier apply is known
}

// Plan is what is to be done to make the users match the file.
type Plan struct {
	Head    Head
	Actions []Action // in the order in which they are carried out
	Summary Summary
	// Adopt are users who are in the file and not yet in the ledger, and Inactive are users who are
	// absent and were found to be deactivated already.
	Adopt, Inactive []uuid.UUID
	// Normalized are changes that were left out: the service writes these values in another form.
	Normalized []Normalized
	// SharedKeys is how many keys several users have of whom none is managed. It is not saved.
	SharedKeys int
	// Cannot says what an undo leaves as it is.
	Cannot []string
}

// Normalized is a value that the service has changed twice after it was written.
type Normalized struct {
	Row          int
	DeviceToken  uuid.UUID
	Field        string
	Wanted, Read any
}

// Reasons of errors of this room.
const (
	ReasonDuplicate failure.Reason = "apply-duplicate-key" // two rows, or two users, of one key
	// the subject is "absent=N", "update=N" or "create=N", or several
	ReasonLimit         failure.Reason = "apply-limit"
	ReasonRows          failure.Reason = "apply-rows"                     // fewer rows than expected; subject: their count
	ReasonTruncated     failure.Reason = "apply-truncated"                // the file ends within a row
	ReasonOwners        failure.Reason = "apply-nobody-owned"             // removal without a ledger or a scope
	ReasonPlan          failure.Reason = "apply-plan-invalid"             // not a plan, or damaged; subject: the file
	ReasonOld           failure.Reason = "apply-plan-old"                 // the subject is the file
	ReasonOther         failure.Reason = "apply-plan-of-another-instance" // subject: the profile
	ReasonStale         failure.Reason = "apply-stale"                    // too many users changed since the plan
	ReasonOtherInstance failure.Reason = "apply-key-of-another-instance"  // the key belongs to a user of another instance
	ReasonLedger        failure.Reason = "apply-ledger-unreadable"        // the subject is the file
	ReasonCleared       failure.Reason = "apply-not-clearable"            // the service cannot clear the field
)

// notClearable are fields that null does not clear (assumed: a flag and a status always have a
// value). All others can be cleared (assumed).
func notClearable(f *field.Field) bool { return f.Kind == field.Flag || f.Name == "Status" }
