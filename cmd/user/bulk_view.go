package user

import (
	"encoding/json"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/render"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// BulkUser is one row of what `user bulk` and `job show` print.
type BulkUser struct {
	Row          int
	DeviceToken  string
	ClientID     *string `json:"ClientId"`
	Outcome      string
	Error        *string
	Body         json.RawMessage `json:",omitempty"` // of a dry run: what would be sent
	AccessToken  string          `json:",omitempty"` // under --show-tokens
	RefreshToken string          `json:",omitempty"`
}

// BulkView prints rows.
var BulkView = render.View[BulkUser]{
	Columns: []render.Column[BulkUser]{
		{Head: "ROW", Name: "Row", Cell: func(u BulkUser) any { return u.Row }},
		{Head: "DEVICE TOKEN", Name: "DeviceToken", Cell: func(u BulkUser) any { return u.DeviceToken }},
		{Head: "CLIENT ID", Name: "ClientId", Cell: func(u BulkUser) any { return u.ClientID }},
		cmdutil.OutcomeColumn(func(u BulkUser) string { return u.Outcome }),
		{Head: "ERROR", Name: "Error", Wrap: true, Cell: func(u BulkUser) any { return u.Error }},
	},
	ID: func(u BulkUser) string { return u.DeviceToken },
}

// NewBulkUser returns a row as it is printed. A row that failed to be registered
// has no user: its DeviceToken would mislead whoever reads ids.
func NewBulkUser(row job.Row, registers bool) BulkUser {
	u := BulkUser{Row: row.N, Outcome: string(row.Outcome)}
	if row.DeviceToken != uuid.Nil && (!registers || row.Outcome != job.Failed) {
		u.DeviceToken = row.DeviceToken.String()
	}
	if row.ClientID != "" {
		u.ClientID = &row.ClientID
	}
	if row.Err != nil {
		text := failure.From(row.Err).Error()
		u.Error = &text
	}
	return u
}

// bulkOutput prints the rows of a job that registers users.
type bulkOutput struct {
	app     *cmdutil.App
	printer *render.Printer
	stream  *render.Stream[BulkUser]
}

func newBulkOutput(a *cmdutil.App, p *render.Printer) (*bulkOutput, error) {
	return &bulkOutput{app: a, printer: p}, BulkView.Check(p)
}

// Begin implements cmdutil.JobOutput.
func (o *bulkOutput) Begin(id string, requested int) {
	head := struct {
		Job       string
		Requested int
	}{id, requested}
	o.stream = render.NewStream(o.printer, BulkView, render.Frame{Head: head, Key: "Users"})
}

// Add implements cmdutil.JobOutput.
func (o *bulkOutput) Add(row job.Row) error {
	u := NewBulkUser(row, true)
	if pair, ok := row.Payload.(*userservice.Pair); ok && o.app.Flags.ShowTokens {
		u.AccessToken, u.RefreshToken = pair.Access.Reveal(), pair.Refresh.Reveal()
	}
	if row.Outcome == job.Planned && row.Payload != nil {
		body, ok := row.Payload.([]byte)
		if !ok {
			var err error
			if body, err = json.Marshal(row.Payload); err != nil {
				return err
			}
		}
		u.Body = body
	}
	return o.stream.Add(u)
}

// End implements cmdutil.JobOutput.
func (o *bulkOutput) End(s job.Summary) error {
	return o.stream.Close(struct{ Created, Confirmed, Existing, Failed, Unknown int }{
		s.Count(job.Created), s.Count(job.Confirmed), s.Count(job.Existing), s.Count(job.Failed), s.Count(job.Unknown),
	})
}
