package cmdutil

import (
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/terminal"
)

// busyTransport shows at a terminal that requests are in flight.
type busyTransport struct {
	next    http.RoundTripper
	streams *terminal.Streams
}

// RoundTrip implements http.RoundTripper.
func (b busyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	defer b.streams.Busy()()
	return b.next.RoundTrip(req)
}
