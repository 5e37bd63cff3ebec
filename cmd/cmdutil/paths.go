package cmdutil

import (
	"path/filepath"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk/journal"
)

// OldJobs is where the jobs of bulk runs are.
func (k *App) OldJobs() (journal.Jobs, error) {
	cfg, err := k.Config()
	if err != nil {
		return journal.Jobs{}, err
	}
	return journal.Jobs{Dir: filepath.Join(cfg.StateDir, "jobs")}, nil
}
