package user

import (
	"encoding/json"
	"fmt"

	"github.com/telematicsctl/telematicsctl/internal/bulk"
	"github.com/telematicsctl/telematicsctl/internal/failure"
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

func shown(r bulk.Result, showTokens bool) bulkUser {
	u := bulkUser{Row: r.Row, DeviceToken: r.DeviceToken, Outcome: string(r.Outcome), Body: r.Body}
	if r.ClientID != "" {
		u.ClientID = &r.ClientID
	}
	if r.Why != "" {
		u.Error = &r.Why
	}
	// A row that failed has no user: its DeviceToken would mislead whoever reads ids.
	if r.Outcome == bulk.Failed {
		u.DeviceToken = ""
	}
	if showTokens && r.Pair != nil {
		u.AccessToken, u.RefreshToken = r.Pair.Access.Reveal(), r.Pair.Refresh.Reveal()
	}
	return u
}

func summary(t bulk.Totals) string {
	text := fmt.Sprintf("%d of %d users created", t.Created, t.Requested)
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

// endedEarly is the error of a run that did not come to its end, with the account of what was done and the way on.
func endedEarly(err error, t bulk.Totals, jobID string) error {
	e := *failure.From(err)
	e.Message = summary(t) + ": " + e.Message
	if e.Code == failure.Interrupted || e.Hint == "" {
		e.Hint = "go on with the same command, or with `telematicsctl job resume " + jobID + "`"
	}
	return &e
}

// partial is the error of a run in which not every row ended well.
func partial(t bulk.Totals, jobID string) error {
	if t.Failed+t.Unknown == 0 {
		return nil
	}
	hint := "-o json or --results F names the error of each row"
	if t.Again > 0 {
		hint = fmt.Sprintf("the same command, or `telematicsctl job resume %s`, tries %d of them again; ", jobID, t.Again) + hint
	}
	return failure.New(failure.Partial, summary(t)).WithHint(hint)
}
