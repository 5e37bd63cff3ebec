package user

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/fleet"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

// explainTargets are the users that the command is about: one, or those of a file.
type targets struct {
	single fleet.Token
	file   *input.Targets
}

func explainTargets(ctx context.Context, k *cmdutil.App, o explainOptions) (targets, func(), error) {
	if o.file == "" {
		t, err := fleet.ParseToken(o.token)
		if err != nil {
			err = failure.InvalidFields("invalid argument", []failure.Field{{Key: "TOKEN", Message: err.Error()}})
		}
		return targets{single: t}, func() {}, err
	}
	var keys []*field.Field
	var wrong []failure.Field
	for name := range strings.SplitSeq(o.key, ",") {
		f, ok := field.Lookup(strings.TrimSpace(name))
		if !ok || !fleet.Findable(f) {
			wrong = append(wrong, failure.Field{Key: "--key", Message: fmt.Sprintf("users cannot be found by %q", name)})
		}
		keys = append(keys, f)
	}
	if err := failure.InvalidFields("invalid flags", wrong); err != nil {
		return targets{}, nil, err
	}
	file, err := input.OpenTargets(ctx, input.Options{Name: o.file, Now: k.Now(), Keys: keys}, k.Streams.In)
	if err != nil {
		return targets{}, nil, err
	}
	for _, w := range file.Warnings() {
		k.Streams.Warn(w)
	}
	return targets{file: file}, func() { _ = file.Close() }, nil
}

func tokenOf(t input.Target) fleet.Token {
	if t.DeviceToken == "" {
		return fleet.ByKey(field.MustGet(t.KeyField), t.Key)
	}
	id, _ := uuid.Parse(t.DeviceToken) // it is canonical
	return fleet.Token{DeviceToken: id}
}
