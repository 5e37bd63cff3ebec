package cmdutil

import (
	"time"

	"github.com/telematicsctl/telematicsctl/internal/audit"
	"github.com/telematicsctl/telematicsctl/internal/config"
)

// AuditOf returns the audit record that holds the changes by a profile.
func (k *App) AuditOf(cfg *config.Config, p config.Profile) *audit.Log {
	dir := cfg.StateDir
	if p.Sandbox {
		dir = SandboxDir(cfg)
	}
	return &audit.Log{Dir: dir, Now: k.Now, Keep: keepAudit}
}

// keepAudit is how long lines of the audit record are kept.
const keepAudit = 90 * 24 * time.Hour
