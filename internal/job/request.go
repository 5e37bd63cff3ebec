package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
)

// Request is a command that is, or finds, a job.
type Request struct {
	Operation string // Operation.Name
	Profile   string
	Host      string // of the service
	Instance  string // InstanceId
	// KeyCheck tells identity keys apart without giving them away; "" where the
	// operation derives no DeviceToken.
	KeyCheck string

	// Input is copied into the job's folder; nil for a job without one. InputName
	// is for people.
	Input     io.Reader
	InputName string
	MaxInput  int64 // bytes; 0 is DefaultMaxInput

	// Options are what else changes what is sent; Settings are what the command
	// must remember besides. Both are the command's own, and returned by Job.
	Options  json.RawMessage
	Settings json.RawMessage
	// Selection says which rows of the input the job is about.
	Selection Selection
	Outputs   Outputs

	// Once is set where a finished job given again sends nothing and reports its
	// rows as they stand (a file of users to register, a named run).
	Once bool
	// Anonymous is set where the command always begins a new job.
	Anonymous bool
	Restart   bool // begin a new job in place of the one that the command finds
	DryRun    bool // keep nothing, and read a job that another process runs
}

// DefaultMaxInput is how many bytes of input a job takes unless more is asked for.
const DefaultMaxInput = 4 << 30

// Outputs are the files that a run writes, as absolute paths; "" for none.
type Outputs struct{ Results, FailedOut, TokensOut string }

// identity is what the job is known by: the same for the same operation, instance,
// content and options, another for anything else.
func (r *Request) identity(digest string) (string, error) {
	var options any
	if len(r.Options) > 0 {
		if err := json.Unmarshal(r.Options, &options); err != nil { // its members in one order, whatever theirs was
			return "", err
		}
	}
	text, err := json.Marshal(struct {
		Operation, Host, Instance, Digest string
		Options                           any
		Selection                         Selection
	}{r.Operation, r.Host, strings.ToLower(r.Instance), digest, options, r.Selection})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte("telematicsctl job 2\n"), text...))
	return hex.EncodeToString(sum[:]), nil
}
