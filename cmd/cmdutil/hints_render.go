package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/render"
)

var renderHints = map[failure.Reason]hint{
	render.ReasonUnknownFormat:  about("use one of "),
	render.ReasonFormatUnfit:    fixed("use -o json"),
	render.ReasonQueriesExclude: fixed("give either --jq or --template"),
	render.ReasonQueryNeedsJSON: fixed("leave out --output, or use -o json"),
	render.ReasonInvalidJQ:      fixed("see https://jqlang.org/manual for the language; the names are those of -o json"),
	render.ReasonInvalidTemplate: fixed("see https://pkg.go.dev/text/template for the language; the names are " +
		"those of -o json"),
	render.ReasonUnknownColumn: about("--columns takes "),
}
