package operation_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/job"
	"github.com/telematicsctl/telematicsctl/internal/job/pace"
	"github.com/telematicsctl/telematicsctl/internal/operation"
)

// One user, outside of a job: what may be sent again is, and the outcome is true.
func TestSingleUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		token  string
		answer func(http.ResponseWriter, *http.Request, func()) bool
		want   job.Outcome
		code   failure.Code
		sent   int
	}{
		{"at once", ada, nil, job.Created, "", 1},
		{"after a gateway's 409", ada, once(gateway(409)), job.Created, "", 2},
		{"after a lost answer", ada, once(lost), job.Confirmed, "", 2},
		{"after a lost answer, without a DeviceToken", "", once(lost), job.Unknown, failure.Unavailable, 1},
		{"a gateway's 409 each time", ada, gateway(409), job.Unknown, failure.Unavailable, 3},
		{"a proxy that refuses", ada, gateway(http.StatusProxyAuthRequired), job.Failed, failure.Unavailable, 1},
		{"refused", ada, refuse(422, "Email", "no"), job.Failed, failure.Rejected, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, api := newService(t)
			s.answer = c.answer
			notes := 0
			result := operation.Single(t.Context(), &operation.Register{API: api, Instance: instance},
				attempt(c.token, set()).Record, operation.Retry{
					Retries: 2, First: time.Second, Longest: time.Minute,
					Clock:  pace.Clock{Now: time.Now, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }},
					Notify: func(error, time.Duration) { notes++ },
				})
			s.settle()
			sent := len(s.sent)
			if result.Outcome != c.want || failure.CodeOf(result.Err) != c.code || sent != c.sent || notes != c.sent-1 {
				t.Errorf("got %s, %v, by %d requests and %d notes, want %s by %d", result.Outcome, result.Err, sent, notes,
					c.want, c.sent)
			}
			if unknown := c.want == job.Unknown; unknown != failure.MayHaveApplied(result.Err) {
				t.Errorf("the error says that the user may exist: %t", !unknown)
			}
		})
	}
}
