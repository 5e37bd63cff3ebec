package tokenstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

const (
	// sealedMagic opens the sealed file and names the version of its format.
	sealedMagic = "telematicsctl-tokens-1 "

	// workFactor is scrypt's, as the logarithm of its cost (16 MiB, some 40 ms): the passphrase is worked on once a process. A higher one
	// makes each command slower, and the passphrase harder to guess by as much; files that were made with another one are opened too.
	workFactor = 14

	// mostWork is the highest factor that is opened, so that no file keeps us busy for minutes.
	mostWork = 18
)

// sealed is the codec of the file under a passphrase. The file has three parts:
//
//	telematicsctl-tokens-1 <checksum of the next line>
//	<an age identity, sealed with the passphrase by age, in Base64>
//	<the records as JSON, sealed to that identity by age>
//
// Scrypt is thus paid once a process and not once a write. The checksum tells a damaged second line from a wrong passphrase, which
// look alike to age.
type sealed struct {
	path string
	work int // the factor for a new key
	ask  func(ctx context.Context) (secret.String, error)

	asked      bool
	passphrase secret.String
	askFailed  error

	keyLine  []byte // the line that identity came from or is kept in
	identity *age.X25519Identity
}

// prepare asks for the passphrase: once, whatever the answer was, save for a person who breaks off.
func (s *sealed) prepare(ctx context.Context) error {
	if !s.asked {
		s.passphrase, s.askFailed = s.ask(ctx)
		if failure.Is(s.askFailed, failure.Interrupted) {
			return failure.From(s.askFailed)
		}
		s.asked = true
	}
	if s.askFailed != nil {
		return unusable(ErrPassphrase, s.askFailed, "the passphrase of the token file could not be had: "+s.askFailed.Error(), unsealHint)
	}
	if s.passphrase.IsZero() {
		return unusable(ErrPassphrase, nil, "the token file "+s.path+" needs a passphrase, and none was given", unsealHint)
	}
	return nil
}

const unsealHint = "set TELEMATICSCTL_STORE_PASSPHRASE, or type it at a terminal"

func (s *sealed) open(ctx context.Context, data []byte) (table, error) {
	keyLine, payload, err := splitSealed(data)
	if err != nil {
		return nil, damagedFile(s.path, err.Error())
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if !bytes.Equal(keyLine, s.keyLine) {
		if err := s.openKey(keyLine); err != nil {
			return nil, err
		}
	}
	r, err := age.Decrypt(bytes.NewReader(payload), s.identity)
	if err != nil {
		return nil, damagedFile(s.path, "its records cannot be opened")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, damagedFile(s.path, "its records cannot be opened to the end")
	}
	t, err := decodeTable(text)
	if err != nil {
		return nil, damagedFile(s.path, err.Error())
	}
	return t, nil
}

// splitSealed takes the file apart and holds its head against the checksum.
func splitSealed(data []byte) (keyLine, payload []byte, err error) {
	head, rest, ok := bytes.Cut(data, []byte("\n"))
	sum, isOurs := bytes.CutPrefix(head, []byte(sealedMagic))
	if !ok || !isOurs {
		return nil, nil, errors.New("it does not begin as a token file does")
	}
	keyLine, payload, ok = bytes.Cut(rest, []byte("\n"))
	if !ok || checksum(keyLine) != string(sum) {
		return nil, nil, errors.New("its key is incomplete")
	}
	return keyLine, payload, nil
}

// checksum is for finding damage, not for keeping anyone out.
func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// openKey opens the second line with the passphrase and keeps the identity in it.
func (s *sealed) openKey(keyLine []byte) error {
	wrapped, err := base64.StdEncoding.DecodeString(string(keyLine))
	if err != nil {
		return damagedFile(s.path, "its key is not what was written")
	}
	id, err := age.NewScryptIdentity(s.passphrase.Reveal())
	if err != nil {
		return failure.Wrap(failure.Failed, "the passphrase cannot be used", err)
	}
	id.SetMaxWorkFactor(mostWork)
	r, err := age.Decrypt(bytes.NewReader(wrapped), id)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return unusable(ErrPassphrase, err, "the passphrase does not open the token file "+s.path,
			"give TELEMATICSCTL_STORE_PASSPHRASE as it was when the file was made; to begin anew, move the file away")
	}
	if err != nil {
		return damagedFile(s.path, "its key cannot be opened")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return damagedFile(s.path, "its key cannot be opened to the end")
	}
	identity, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return damagedFile(s.path, "its key is no key")
	}
	s.identity, s.keyLine = identity, keyLine
	return nil
}

func (s *sealed) seal(_ context.Context, t table) ([]byte, error) {
	if s.identity == nil {
		if err := s.newKey(); err != nil {
			return nil, err
		}
	}
	text, err := t.encode()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(sealedMagic + checksum(s.keyLine) + "\n")
	out.Write(s.keyLine)
	out.WriteByte('\n')
	if err := encrypt(&out, text, s.identity.Recipient()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// newKey makes the identity of a new file and seals it with the passphrase.
func (s *sealed) newKey() error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	recipient, err := age.NewScryptRecipient(s.passphrase.Reveal())
	if err != nil {
		return err
	}
	recipient.SetWorkFactor(s.work)
	var wrapped bytes.Buffer
	if err := encrypt(&wrapped, []byte(identity.String()), recipient); err != nil {
		return err
	}
	s.identity, s.keyLine = identity, []byte(base64.StdEncoding.EncodeToString(wrapped.Bytes()))
	return nil
}

func encrypt(to io.Writer, text []byte, recipient age.Recipient) error {
	w, err := age.Encrypt(to, recipient)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}
