package cmd

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// Version returns the version that a release has stamped in, else the one that `go
// install` recorded, else "dev".
func Version(stamped string) string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

type versionInfo struct{ Version, Commit, Date, Go, Platform string }

// buildInfo returns the version with what the Go toolchain recorded of the checkout: the
// commit and its time in RFC 3339, "" where it was not built from one.
func buildInfo(version string) versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Commit = s.Value
		case s.Key == "vcs.time":
			v.Date = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v.Commit += "+modified"
		}
	}
	v.Commit = strings.TrimPrefix(v.Commit, "+modified")
	return v
}

// oneLine is what --version prints.
func (v versionInfo) oneLine() string {
	commit := v.Commit
	if len(commit) > 12 {
		commit = commit[:12]
	}
	return "telematicsctl " + v.Version + " (commit " + cmp.Or(commit, "unknown") + ", " + cmp.Or(v.Date,
		"date unknown") + ")\n"
}

func newVersion(k *cmdutil.App) *cobra.Command {
	view := render.View[versionInfo]{Columns: []render.Column[versionInfo]{
		{Head: "VERSION", Name: "Version", Cell: func(v versionInfo) any { return v.Version }},
		{Head: "COMMIT", Name: "Commit", Cell: func(v versionInfo) any { return v.Commit }},
		{Head: "DATE", Name: "Date", Cell: func(v versionInfo) any { return v.Date }},
		{Head: "GO", Name: "Go", Cell: func(v versionInfo) any { return v.Go }},
		{Head: "PLATFORM", Name: "Platform", Cell: func(v versionInfo) any { return v.Platform }},
	}}
	return &cobra.Command{
		Use:         "version",
		Annotations: cmdutil.Effects(),
		Short:       "Print version, commit and build date",
		Example:     "  telematicsctl version -o json",
		Args:        cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return cmdutil.Print(c.Context(), k, view, buildInfo(k.Version))
		},
	}
}
