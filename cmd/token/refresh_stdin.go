package token

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/auth"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/tokenstore"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// refreshStdin renews a pair that another system keeps. Nothing is read from or written to a store.
func refreshStdin(ctx context.Context, k *cmdutil.App) error {
	if !k.Flags.ShowTokens {
		return failure.New(failure.Invalid, "--stdin: the new pair would not be printed, and the old one would be worthless").
			Because(cmdutil.ReasonPairNotPrinted, "")
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
	defer k.Saving()() // until the new pair is printed
	s, err := k.Session(cmdutil.SessionOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	spare := reserveSpare(k, s)
	defer spare.discard()
	pair, err := s.Auth.RenewPair(ctx, old)
	if err != nil {
		return explainStdin(err)
	}
	claims, _ := auth.ReadClaims(pair.Access)
	who := claims.Subject()
	// The old pair is worthless now: whatever came meanwhile, the new one is printed.
	if err := cmdutil.Print(context.WithoutCancel(ctx), k, view,
		renewedOf(k, who, s.Profile.Name, "", s.Auth.Record(pair))); err != nil {
		e := spare.keep(pair, err)
		e.Code = failure.Failed // whatever was wrong with the output, something was sent
		return e
	}
	return nil
}

// spareFile is where a new pair is kept that cannot be printed. The zero value has no room.
type spareFile struct {
	path string
	file *atomicfile.Output
}

// spareSize is more than a pair takes.
const spareSize = 2 * tokenstore.PairSize

// reserveSpare takes room in the state folder for a pair, before the old one is spent. Where there
// is none, the pair is renewed anyway: this command works without a state folder.
func reserveSpare(k *cmdutil.App, s *cmdutil.Session) spareFile {
	dir, err := s.StateDir()
	if err != nil {
		return spareFile{}
	}
	path := filepath.Join(dir, "unprinted-pair-"+k.Now().UTC().Format("20060102T150405.000000000")+".json")
	file, err := atomicfile.Create(path, 0o600)
	if err != nil {
		return spareFile{}
	}
	if err := file.Reserve(spareSize); err != nil {
		file.Discard()
		return spareFile{}
	}
	return spareFile{path, file}
}

func (f spareFile) discard() {
	if f.file != nil {
		f.file.Discard()
	}
}

// keep writes a pair that could not be printed, and returns the error that says where it is.
func (f spareFile) keep(pair userservice.Pair, printErr error) *failure.Error {
	if f.file != nil {
		text, err := json.Marshal(map[string]string{
			"AccessToken": pair.Access.Reveal(), "RefreshToken": pair.Refresh.Reveal()})
		if err == nil {
			_, err = f.file.Write(append(text, '\n'))
		}
		if err == nil && f.file.Commit() == nil {
			return failure.Prefix(printErr, "the new pair could not be printed and is in "+f.path+
				": delete that file when you have read it; the old pair is worthless")
		}
	}
	return failure.Prefix(printErr, "the new pair could not be printed and is lost, and the old one is worthless")
}

// readPair reads {"AccessToken", "RefreshToken"}; the AccessToken may also be the object that the
// service itself sends. Errors show nothing of it.
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
		wrong = []failure.Field{{Key: "--stdin", Message: "not a JSON object with AccessToken and RefreshToken"}}
	case access.IsZero():
		wrong = append(wrong, failure.Field{Key: "AccessToken", Message: "required"})
	}
	if err == nil && in.RefreshToken.IsZero() {
		wrong = append(wrong, failure.Field{Key: "RefreshToken", Message: "required"})
	}
	access, in.RefreshToken = auth.TrimJWT(access), trimEnd(in.RefreshToken)
	for name, token := range map[string]secret.String{"AccessToken": access, "RefreshToken": in.RefreshToken} {
		if strings.ContainsFunc(token.Reveal(), unicode.IsControl) {
			wrong = append(wrong, failure.Field{Key: name, Message: "must not contain control characters"})
		}
	}
	return userservice.Pair{Access: access, Refresh: in.RefreshToken}, failure.InvalidFields("nothing was renewed", wrong)
}

// trimEnd drops white space around a token: a line end after it is not part of it.
func trimEnd(token secret.String) secret.String { return secret.New(strings.TrimSpace(token.Reveal())) }

// explainStdin returns the error of a failed refresh with what it means for who keeps the pair.
func explainStdin(err error) error {
	e := failure.Copy(err)
	switch {
	case e.Reason == userservice.ReasonWrongSubject || e.Reason == userservice.ReasonMalformedToken:
	case e.Code == failure.Unauthorized:
		e.Reason, e.Hint = "", "the RefreshToken was used before or has expired: sign in again"
	case e.MayHaveApplied:
		e.Reason, e.Hint = "", "the pair may be spent: try it once more, and sign in again if it is refused"
	}
	return e
}
