package tokenstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"

	"filippo.io/age"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

const (
	// encryptedKind is the kind of the encrypted file's frame.
	encryptedKind = "tokens-encrypted"

	// workFactor is scrypt's, as the logarithm of its cost (16 MiB, some 40 ms): it is paid once a
	// process. A higher one makes each command slower, and the passphrase harder to guess by as
	// much; files with another one are opened too.
	workFactor = 14

	// maxWorkFactor is the highest factor that is opened, so that no file keeps us busy for
	// minutes.
	maxWorkFactor = 18
)

// encryptedCodec is the codec of the file under a passphrase. Its frame (atomicfile.Frame) holds
// two parts:
//
//	<an age identity, encrypted with the passphrase by age, in Base64>
//	<the records as JSON, encrypted to that identity by age>
//
// Scrypt is thus paid once a process and not once a write. The frame's checksum tells damage from a
// wrong passphrase, which look alike to age.
type encryptedCodec struct {
	path  string
	work  int // the factor for a new key
	tries int // how often ask is called for a passphrase that opens the file
	ask   func(ctx context.Context) (secret.String, error)

	asked      bool
	passphrase secret.String
	askFailed  error

	keyLine  []byte // the line that identity came from or is kept in
	identity *age.X25519Identity
}

// prepare asks for the passphrase: once, whatever the answer was, unless a person breaks off.
func (s *encryptedCodec) prepare(ctx context.Context) error {
	if !s.asked {
		s.passphrase, s.askFailed = s.ask(ctx)
		if failure.Is(s.askFailed, failure.Interrupted) {
			return failure.From(s.askFailed)
		}
		s.asked = true
	}
	if s.askFailed != nil {
		return unusable(ErrPassphrase, s.askFailed, "cannot get the passphrase of the token file: "+s.askFailed.Error(),
			ReasonNoPassphrase, s.path)
	}
	if s.passphrase.IsZero() {
		return unusable(ErrPassphrase, nil, "the token file "+s.path+" needs a passphrase, and none was given",
			ReasonNoPassphrase, s.path)
	}
	return nil
}

func (s *encryptedCodec) open(ctx context.Context, data []byte) (records, error) {
	content, err := atomicfile.Unframe(encryptedKind, recordsVersion, data)
	if err != nil {
		return nil, unframed(s.path, err)
	}
	keyLine, payload, found := bytes.Cut(content, []byte("\n"))
	if !found {
		return nil, damagedFile(s.path, "it has no records")
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if !bytes.Equal(keyLine, s.keyLine) {
		if err := s.unlockKey(ctx, keyLine); err != nil {
			return nil, err
		}
	}
	r, err := age.Decrypt(bytes.NewReader(payload), s.identity)
	if err != nil {
		return nil, damagedFile(s.path, "its records cannot be decrypted")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, damagedFile(s.path, "its records cannot be decrypted to the end")
	}
	t, err := decodeRecords(text)
	if err != nil {
		return nil, damagedFile(s.path, err.Error())
	}
	return t, nil
}

// unlockKey opens the key with the passphrase, and asks for another as often as it may.
func (s *encryptedCodec) unlockKey(ctx context.Context, keyLine []byte) error {
	for try := 1; ; try++ {
		err := s.openKey(keyLine)
		if err == nil || try >= s.tries || !errors.Is(err, ErrPassphrase) {
			return err
		}
		s.asked = false
		if err := s.prepare(ctx); err != nil {
			return err
		}
	}
}

// openKey opens the line of the key with the passphrase and keeps the identity in it.
func (s *encryptedCodec) openKey(keyLine []byte) error {
	wrapped, err := base64.StdEncoding.DecodeString(string(keyLine))
	if err != nil {
		return damagedFile(s.path, "its key is not Base64")
	}
	id, err := age.NewScryptIdentity(s.passphrase.Reveal())
	if err != nil {
		return err // it is empty, which is refused before
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(bytes.NewReader(wrapped), id)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return unusable(ErrPassphrase, err, "the passphrase does not open the token file "+s.path, ReasonPassphrase, s.path)
	}
	if err != nil {
		return damagedFile(s.path, "its key cannot be decrypted")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return damagedFile(s.path, "its key cannot be decrypted to the end")
	}
	identity, err := age.ParseX25519Identity(string(text))
	if err != nil {
		return damagedFile(s.path, "its key is invalid")
	}
	s.identity, s.keyLine = identity, keyLine
	return nil
}

func (s *encryptedCodec) seal(_ context.Context, t records) ([]byte, error) {
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
	out.Write(s.keyLine)
	out.WriteByte('\n')
	if err := encrypt(&out, text, s.identity.Recipient()); err != nil {
		return nil, err
	}
	return atomicfile.Frame(encryptedKind, recordsVersion, out.Bytes()), nil
}

// newKey generates the identity of a new file and encrypts it with the passphrase.
func (s *encryptedCodec) newKey() error {
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
