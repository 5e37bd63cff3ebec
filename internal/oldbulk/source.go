package job

import (
	"context"
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/input"
	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// Choice says which rows of a file a job is about: those that match, of these the ones behind Offset and at most Limit of
// them, of these the ones that fall to the shard.
type Choice struct {
	column        string
	pattern       *regexp.Regexp // nil: every row matches
	offset, limit int            // limit 0 is none
	shard, shards int
}

// NewChoice reads a job's options, The error is failure.Invalid for a --match that is not Column=regex.
func NewChoice(f journal.Choice) (Choice, error) {
	c := Choice{offset: f.Offset, limit: f.Limit, shard: f.Shard, shards: f.Shards}
	if f.Match == "" {
		return c, nil
	}
	column, pattern, ok := strings.Cut(f.Match, "=")
	if !ok || strings.TrimSpace(column) == "" {
		return c, failure.Newf(failure.Invalid, "%q is not Column=pattern, as in City=^Ber", f.Match)
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return c, failure.Newf(failure.Invalid, "%q is not a regular expression: %s", pattern, wrongPattern(err))
	}
	c.column, c.pattern = strings.TrimSpace(column), compiled
	return c, nil
}

// wrongPattern says what is wrong with a regular expression, and where.
func wrongPattern(err error) string {
	var s *syntax.Error
	if errors.As(err, &s) {
		return string(s.Code) + ": " + s.Expr
	}
	return err.Error()
}

// All tells whether every row is chosen.
func (c Choice) All() bool {
	return c.pattern == nil && c.offset == 0 && c.limit == 0 && c.shards <= 1
}

// chooser applies a choice to the rows of a file, in order.
type chooser struct {
	Choice
	file    *input.File
	at      int // the column of the pattern; -1 until it is known
	matched int
}

// errEnough ends the reading of a file of which nothing more is wanted.
var errEnough = errors.New("enough")

func (c *chooser) takes(row *input.Row) (bool, error) {
	if c.pattern != nil {
		if c.at < 0 {
			if c.at = columnOf(c.file.Header(), c.column); c.at < 0 {
				return false, failure.Newf(failure.Invalid, "--match: the file has no column %q", c.column).
					WithHint("its columns are " + strings.Join(c.file.Header(), ", "))
			}
		}
		if c.at >= len(row.Cells) || !c.pattern.MatchString(row.Cells[c.at]) {
			return false, nil
		}
	}
	c.matched++
	if c.limit > 0 && c.matched > c.offset+c.limit {
		return false, errEnough
	}
	return c.matched > c.offset && InShard(c.shard, c.shards, row.Set.Text("CustomToken"), row.Set.Text("ClientId"), row.N), nil
}

// columnOf finds a column by its name as the file has it, or by any spelling of a field's.
func columnOf(header []string, name string) int {
	for i, h := range header {
		if strings.EqualFold(strings.TrimSpace(h), name) {
			return i
		}
	}
	want, ok := field.Lookup(name)
	for i, h := range header {
		if f, found := field.Lookup(h); ok && found && f == want {
			return i
		}
	}
	return -1
}

// FileRows reads the rows of a file for a Run: the chosen ones, each with what is given for all of them and with its DeviceToken.
type FileRows struct {
	File   *input.File
	Choice Choice
	Given  field.Set // wins over the file
	Tokens Tokens
	// OwnSeed tells that the seed of Tokens is this job's own, and not of all jobs of the same content or the same name of a run.
	OwnSeed bool
	Theirs  bool // the service chooses the DeviceTokens that the file does not give
	// Settled, if not nil, tells of a row that nothing of it but its ClientId and its cells is needed any more.
	Settled func(n int) bool
}

// Each gives the chosen rows, in order, and each as the file has it.
func (f FileRows) Each(ctx context.Context, do func(Row, *input.Row) error) error {
	c := chooser{Choice: f.Choice, file: f.File, at: -1}
	look := func(n int) bool { return f.Settled == nil || c.shards > 1 || !f.Settled(n) }
	err := f.File.EachOf(ctx, look, func(in *input.Row) error {
		ok, err := c.takes(in)
		if err != nil || !ok {
			return err
		}
		return do(f.row(in), in)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Rows is Each without the cells.
func (f FileRows) Rows(ctx context.Context, do func(Row) error) error {
	return f.Each(ctx, func(row Row, _ *input.Row) error { return do(row) })
}

func (f FileRows) row(in *input.Row) Row {
	out := Row{N: in.N, User: in.Set, ClientID: in.Set.Text("ClientId")}
	if f.Settled != nil && f.Settled(in.N) {
		return out
	}
	if f.Given.Len() > 0 {
		out.User.Merge(f.Given)
	}
	out.Token, out.Nameless = f.token(in, out.ClientID)
	out.Drawn = out.Nameless && f.OwnSeed
	if len(in.Mistakes) > 0 {
		why := make([]string, len(in.Mistakes))
		for i, m := range in.Mistakes {
			why[i] = strings.TrimPrefix(m.Column+": "+m.Why, ": ")
		}
		out.Wrong = "not valid: " + strings.Join(why, "; ")
	}
	return out
}

// token is the DeviceToken of a row: given in the file, else derived from the ClientId, else of the seed (nameless).
func (f FileRows) token(in *input.Row, clientID string) (token uuid.UUID, nameless bool) {
	for _, given := range []string{in.Set.Text("CustomToken"), in.DeviceToken} {
		if token, err := parseToken(given); err == nil {
			return token, false
		}
	}
	switch {
	case f.Theirs:
		return uuid.Nil, false
	case clientID != "":
		return f.Tokens.OfClient(clientID), false
	default:
		return f.Tokens.OfRow(in.N), true
	}
}

// NumberedRows are the rows of a job of users that are alike.
type NumberedRows struct {
	Quantity int
	Custom   field.Set // what is said of every user
	Tokens   Tokens
	Theirs   bool
}

// Rows gives all rows, in order.
func (q NumberedRows) Rows(ctx context.Context, do func(Row) error) error {
	for n := 1; n <= q.Quantity; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(q.row(n)); err != nil {
			return err
		}
	}
	return nil
}

func (q NumberedRows) row(n int) Row {
	r := Row{N: n, User: q.Custom.Clone()}
	if !q.Theirs {
		r.Token, r.Nameless, r.Drawn = q.Tokens.OfRow(n), true, true
	}
	return r
}
