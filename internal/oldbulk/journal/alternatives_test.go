package journal_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// The other two ways to keep a journal, as small as they can be, for the comparison in docs/performance.md. Each benchmark writes the outcome
// of one row; what has been written outlives a power cut after a tenth of a second, or with its transaction.
//
//	go test ./internal/job/journal -run '^$' -bench 'Journal' -benchtime 2s -count 5

const benchRows = 1_000_000

func BenchmarkJournalSlots(b *testing.B) {
	_, job := begin(b, benchRows)
	e := journal.Entry{State: journal.Created, Token: uuid.New()}
	for i := 0; b.Loop(); i++ {
		if err := job.Table.Put(i%benchRows+1, e); err != nil {
			b.Fatal(err)
		}
	}
}

// A record is the number of its row and what a slot holds.
func BenchmarkJournalAppendOnly(b *testing.B) {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error)
	go func() { // the same groups as the table's
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for err := error(nil); ; err = f.Sync() {
			select {
			case <-tick.C:
			case <-stop:
				done <- err
				return
			}
		}
	}()
	record := make([]byte, 40)
	for i := 0; b.Loop(); i++ {
		binary.LittleEndian.PutUint64(record, uint64(i))
		if _, err := f.Write(record); err != nil {
			b.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// Rows wait for one another until there are enough for a transaction, which is synced.
func BenchmarkJournalBbolt(b *testing.B) {
	for _, size := range []int{1, 32, 64, 1000} {
		b.Run(fmt.Sprintf("%d rows a transaction", size), func(b *testing.B) {
			db, err := bbolt.Open(filepath.Join(b.TempDir(), "db"), 0o600, nil)
			if err != nil {
				b.Fatal(err)
			}
			name, value := []byte("rows"), make([]byte, 32)
			var next uint64
			transaction := func(tx *bbolt.Tx) error {
				rows, err := tx.CreateBucketIfNotExists(name)
				for range size {
					if err != nil {
						return err
					}
					next++
					err = rows.Put(binary.BigEndian.AppendUint64(nil, next), value)
				}
				return err
			}
			for i := 0; b.Loop(); i++ {
				if i%size != 0 {
					continue
				}
				if err := db.Update(transaction); err != nil {
					b.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
