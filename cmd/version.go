package cmd

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/telematicsctl/telematicsctl/cmd/cmdutil"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

// Version is the version that a release has stamped in, else the one that «go install» has recorded, else «dev».
func Version(stamped string) string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

type versionInfo struct{ Version, Go, Platform string }

func newVersion(k *cmdutil.App) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			view := render.View[versionInfo]{Columns: []render.Column[versionInfo]{
				{Head: "VERSION", Name: "Version", Cell: func(v versionInfo) any { return v.Version }},
				{Head: "GO", Name: "Go", Cell: func(v versionInfo) any { return v.Go }},
				{Head: "PLATFORM", Name: "Platform", Cell: func(v versionInfo) any { return v.Platform }},
			}}
			return cmdutil.Print(c.Context(), k, view, versionInfo{k.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
		},
	}
}
