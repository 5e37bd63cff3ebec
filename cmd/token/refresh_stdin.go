package token

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// refreshStdin renews a pair that some other system keeps. Neither the pair nor anything else is read from or written to a store.
func refreshStdin(ctx context.Context, k *cmdutil.App) error {
	if !k.Flags.ShowTokens {
		return failure.New(failure.Invalid, "nothing was renewed: the new pair would be printed nowhere, and the old one be worthless").
			WithHint("give --show-tokens with --stdin")
	}
	view := renewedView(true)
	view.ID = nil // -o ids would leave the new pair out
	if err := cmdutil.CheckOutput(ctx, k, view); err != nil {
		return err
	}
	data, err := k.ReadInput("--stdin", "-")
	if err != nil {
		return err
	}
	old, err := readPair(data)
	if err != nil {
		return err
	}
	s, err := k.Session(1, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	pair, err := s.Auth.RenewPair(ctx, old)
	if err != nil {
		return explainStdin(err)
	}
	who := auth.Admin
	if claims, _ := auth.ReadClaims(pair.Access); claims.DeviceToken != "" {
		who = claims.DeviceToken
	}
	// The old pair is worthless now: whatever came meanwhile, the new one is printed.
	if err := cmdutil.Print(context.WithoutCancel(ctx), k, view, renewedOf(k, who, s.Profile.Name, "", s.Auth.Record(pair))); err != nil {
		e := *failure.From(err)
		e.Code = failure.Failed // whatever was wrong with the output, something was sent
		e.Message = "the new pair could not be printed and is lost, and the old one is worthless: " + e.Message
		return &e
	}
	return nil
}

// readPair reads {"AccessToken", "RefreshToken"}; the AccessToken may also be the object that the service itself sends. Errors show nothing of it.
func readPair(data []byte) (userservice.Pair, error) {
	var in struct {
		AccessToken  json.RawMessage
		RefreshToken secret.String
	}
	var access secret.String
	var object struct{ Token secret.String }
	err := json.Unmarshal(data, &in)
	if err == nil && json.Unmarshal(in.AccessToken, &access) != nil && json.Unmarshal(in.AccessToken, &object) == nil {
		access = object.Token
	}
	var wrong []failure.Field
	switch {
	case err != nil:
		wrong = []failure.Field{{Key: "--stdin", Message: "standard input is not a JSON object with AccessToken and RefreshToken"}}
	case access.IsZero():
		wrong = append(wrong, failure.Field{Key: "AccessToken", Message: "it is missing"})
	}
	if err == nil && in.RefreshToken.IsZero() {
		wrong = append(wrong, failure.Field{Key: "RefreshToken", Message: "it is missing"})
	}
	return userservice.Pair{Access: access, Refresh: in.RefreshToken}, failure.InvalidFields("nothing was renewed", wrong)
}

// explainStdin says what a failed refresh means for who keeps the pair.
func explainStdin(err error) error {
	var f *failure.Error
	if !errors.As(err, &f) {
		return err
	}
	e := *f
	switch {
	case e.Code == failure.Unauthorized:
		e.Hint = "the RefreshToken has been used before or has expired: sign in anew"
	case e.MayHaveApplied:
		e.Hint = "the pair may be spent: try it once more, and sign in anew if it is refused"
	}
	return auth.NotTheService(&e)
}
