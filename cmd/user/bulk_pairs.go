package user

import (
	"context"
	"slices"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
)

// pairs take the users' tokens: into a file of their own as they come, or, few as they are, into the token store at the end.
type pairs struct {
	r     *bulkRun
	file  *job.TokensFile // nil: none was named
	items []tokenstore.Item
	lost  int      // users whose tokens were asked for and did not come
	past  []string // DeviceTokens of users whom an earlier run has made: their tokens are to be in the token store
}

// atOnce is how many pairs wait, at the most, to be stored in one write: a run that is killed loses no more.
const atOnce = 10

func (r *bulkRun) openPairs() (*pairs, error) {
	p := &pairs{r: r}
	if r.dryRun || r.spec.Outputs.TokensOut == "" {
		return p, nil
	}
	var err error
	p.file, err = job.OpenTokensFile(r.spec.Outputs.TokensOut, r.resumed)
	return p, err
}

func (p *pairs) add(ctx context.Context, res job.Result) error {
	switch {
	case res.Pair == nil:
		p.without(res)
		return nil
	case p.file != nil:
		return p.file.Add(res.DeviceToken, p.r.session.Auth.Record(*res.Pair))
	case p.r.spec.CreateAccessToken && p.r.session.Stored() != "":
		p.items = append(p.items, p.r.session.Auth.Item(res.DeviceToken, *res.Pair))
		if len(p.items) >= atOnce {
			return p.store(ctx)
		}
	}
	return nil
}

// without notes a user of whom no tokens came. Those that an earlier run has made had theirs from it, unless it was killed just then.
func (p *pairs) without(res job.Result) {
	made := res.Outcome == job.Created || res.Outcome == job.Existing
	switch {
	case !made || res.Cause != nil || !p.r.spec.CreateAccessToken || p.r.done || p.r.dryRun:
	case !res.Earlier || p.file != nil: // what the file had before is subtracted in the end
		p.lost++
	case p.r.session.Stored() != "" && p.r.session.Stored() != tokenstore.KindMemory:
		p.past = append(p.past, res.DeviceToken)
	}
}

// missing is how many of the users have no tokens, as far as can be told, and where.
func (p *pairs) missing(ctx context.Context) (n int, where string) {
	if p.file != nil {
		return p.lost - p.file.Had(), "in " + p.r.spec.Outputs.TokensOut
	}
	n = p.lost
	if len(p.past) > 0 {
		stored, err := p.r.session.Store.List(ctx, p.r.session.Profile.Name)
		for _, token := range p.past {
			if err == nil && !slices.ContainsFunc(stored, func(e tokenstore.Entry) bool { return e.Subject == token }) {
				n++
			}
		}
	}
	return n, "from this run"
}

func (p *pairs) close(ctx context.Context) error {
	if n, where := p.missing(ctx); n > 0 {
		p.r.k.Streams.Note(cmdutil.Count(n, "of the users has", "of the users have") + " no tokens " + where + ": they were there before, or the answer was lost. `telematicsctl auth login --device-token TOKEN` gets them")
	}
	if p.file == nil {
		return p.store(ctx)
	}
	if n := p.file.Lost(); n > 0 {
		p.r.k.Streams.Warn(cmdutil.Count(n, "user is", "users are") + " registered whose tokens could not be written: `telematicsctl auth login --device-token TOKEN` gets them")
	}
	return p.file.Close()
}

// store puts the pairs that wait into the token store, in one write.
func (p *pairs) store(ctx context.Context) error {
	items := p.items
	p.items = nil
	if len(items) == 0 {
		return nil
	}
	if err := p.r.session.Store.Put(ctx, items...); err != nil {
		e := *failure.From(err)
		e.Message = "the users are registered, but their tokens are not stored: " + e.Message
		return &e
	}
	return nil
}
