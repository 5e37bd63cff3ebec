package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// mostNamed is how many keys or rows an error names, and how many users of each key.
const mostNamed = 20

// duplicates refuses rows that name one user, and users of one key of whom one is managed: the
// users are listed again to name these. Others who share a key are counted.
func (p *planner) duplicates(ctx context.Context, users Users) error {
	shared, others := p.keys.twice()
	maps.Copy(shared, p.shared)
	p.keys, p.plan.SharedKeys = nil, others
	if len(p.sameUser) > 0 {
		e := failure.New(failure.Invalid, "rows name the user of another row").
			Because(ReasonDuplicate, "")
		e.Fields = p.sameUser[:min(len(p.sameUser), mostNamed)]
		return e
	}
	if len(shared) == 0 {
		return nil
	}
	sharing := map[userKey][]string{}
	_, err := users(ctx, func(u *userservice.User) error {
		m, err := p.match(u)
		for _, k := range m.keys {
			if _, named := sharing[k]; shared[k.hash&^1] && (named || len(sharing) < mostNamed) {
				sharing[k] = append(sharing[k], m.token.String())
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	e := failure.New(failure.Invalid, "keys belong to more than one user").Because(ReasonDuplicate, "")
	for k, tokens := range sharing {
		text := fmt.Sprintf("%d users: %s", len(tokens), strings.Join(tokens[:min(len(tokens), mostNamed)], ", "))
		if row := p.index.find(k.hash); row != nil {
			text += fmt.Sprintf(" (row %d)", row.n)
		}
		e.Fields = append(e.Fields, failure.Field{Key: fmt.Sprintf("%s %q", k.field, k.value), Message: text})
	}
	slices.SortFunc(e.Fields, func(a, b failure.Field) int { return strings.Compare(a.Key, b.Key) })
	return e
}
