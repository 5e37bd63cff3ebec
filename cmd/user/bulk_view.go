package user

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// bulkUser is one row of what `user bulk` prints.
type bulkUser struct {
	Row          int
	DeviceToken  string
	ClientID     *string `json:"ClientId"`
	Outcome      string
	Error        *string
	Body         json.RawMessage `json:",omitempty"` // of a dry run: what would be sent
	AccessToken  string          `json:",omitempty"` // under --show-tokens
	RefreshToken string          `json:",omitempty"`
}

type bulkHead struct {
	Job       string
	Requested int
}

type bulkTail struct{ Created, Existing, Failed, Unknown int }

var bulkView = render.View[bulkUser]{
	Columns: []render.Column[bulkUser]{
		{Head: "ROW", Name: "Row", Cell: func(u bulkUser) any { return u.Row }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u bulkUser) any { return u.DeviceToken }},
		{Head: "CLIENT ID", Name: "ClientId", Cell: func(u bulkUser) any { return u.ClientID }},
		{Head: "OUTCOME", Name: "Outcome", Cell: func(u bulkUser) any { return u.Outcome }},
		{Head: "ERROR", Name: "Error", Cell: func(u bulkUser) any { return u.Error }},
	},
	ID: func(u bulkUser) string { return u.DeviceToken },
}

func shown(r job.Result, showTokens bool) bulkUser {
	u := bulkUser{Row: r.Row, DeviceToken: r.DeviceToken, Outcome: string(r.Outcome), Body: r.Body}
	if r.ClientID != "" {
		u.ClientID = &r.ClientID
	}
	if r.Why != "" {
		u.Error = &r.Why
	}
	// A row that failed has no user: its DeviceToken would mislead whoever reads ids.
	if r.Outcome == job.Failed {
		u.DeviceToken = ""
	}
	if showTokens && r.Pair != nil {
		u.AccessToken, u.RefreshToken = r.Pair.Access.Reveal(), r.Pair.Refresh.Reveal()
	}
	return u
}

func summary(t job.Totals) string {
	text := fmt.Sprintf("%d of %s created", t.Created, cmdutil.Count(t.Requested, "user", "users"))
	for _, part := range []struct {
		n    int
		what string
	}{{t.Existing, "existed"}, {t.Failed, "failed"}, {t.Unknown, "unknown"}, {t.NotSent(), "not sent"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}

// trouble is what went wrong with rows of a run: the first error, and whether all were of its kind.
type trouble struct {
	first *failure.Error
	mixed bool
}

func (t *trouble) add(err error) {
	f := failure.From(err)
	switch {
	case f == nil:
	case t.first == nil:
		t.first = f
	case t.first.Code != f.Code:
		t.mixed = true
	}
}

// onward says how a job is gone on with: by its own command too where the file or --run names it; another quantity run by its ID alone, as the same
// command would begin another.
func (r *bulkRun) onward() string {
	resume := "`telematicsctl job resume " + r.spec.ID + "`"
	found := r.spec.File != nil && !r.spec.File.Stdin || r.spec.Quantity != nil && r.spec.Quantity.Named
	if found && !r.restart {
		return "the same command or " + resume
	}
	return resume
}

// endedEarly is the error of a run that did not come to its end, with the account of what was done and the way on.
func (r *bulkRun) endedEarly(err error, t job.Totals) error {
	e := r.late(err, t)
	e.Message = summary(t) + ": " + e.Message
	e.Hint = r.k.Hint(e)
	switch {
	case e.Code == failure.Interrupted || e.Hint == "":
		e.Hint = "go on with " + r.onward()
	case errors.Is(err, input.ErrChanged) && !r.hasSent(t): // the job is about nobody yet: what the file says now may well be what is meant
	default:
		e.Hint += "; then go on with " + r.onward()
	}
	if r.spec.Outputs.Results == "" && t.Settled() > 0 && !errors.Is(err, input.ErrChanged) { // the account repeats the input
		e.Hint += "; `telematicsctl job show " + r.spec.ID + " -o csv` is the account of its rows"
	}
	return e
}

// hasSent tells whether rows of the job were sent, by this run or an earlier one.
func (r *bulkRun) hasSent(t job.Totals) bool { return t.Sent > 0 || r.resumed }

// late is an error as it stands at the end of a run: input that cannot be read any more is a mistake only as long as nothing was sent.
func (r *bulkRun) late(err error, t job.Totals) *failure.Error {
	e := *failure.From(err)
	if e.Code == failure.Invalid && t.Sent > 0 {
		e.Code = failure.Failed
	}
	if errors.Is(err, input.ErrChanged) && r.hasSent(t) {
		e.Hint = "what was sent came from the content that was checked: put the file back as it was"
	}
	return &e
}

// lateFiles is the error for files that the run was to write at its end.
func (r *bulkRun) lateFiles(err error, t job.Totals) error {
	if err == nil {
		return nil
	}
	e := r.late(err, t)
	if errors.Is(err, input.ErrChanged) {
		e.Message = summary(t) + ", but the files that were asked for are not written: " + e.Message
		e.Hint += "; then " + r.onward() + " writes them"
	}
	return e
}

// partial is the error of a run in which not every row ended well. A single row that failed has its own code, and so has a run that never reached the
// service.
func (r *bulkRun) partial(t job.Totals, why trouble) error {
	if t.Failed+t.Unknown == 0 || r.done {
		return nil
	}
	e := failure.New(failure.Partial, summary(t)).WithHint("-o json or --results F names the error of each row")
	if first := why.first; first != nil {
		e.Message += ": " + first.Error()
		e.Status, e.RequestID, e.Cause = first.Status, first.RequestID, first
		alone := t.Requested == 1 || (t.Created+t.Existing+t.Unknown == 0 && !why.mixed && passes(first))
		if alone {
			e.Code = first.Code
		}
		if t.Requested == 1 && first.MayHaveApplied {
			e.Code = failure.Unavailable
		}
		if hint := r.k.Hint(first); alone && hint != "" {
			e.Hint = hint
		}
	}
	if t.Again > 0 {
		e.Hint += fmt.Sprintf("; %s tries %d of them again", r.onward(), t.Again)
	}
	return e
}

// passes tells whether the service, or the way to it, was at fault.
func passes(f *failure.Error) bool {
	return f.Code == failure.Unavailable || f.Code == failure.RateLimited
}
