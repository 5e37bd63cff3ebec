package auth_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

// The requests of all tests here are held to the contract, and the sandbox's answers too, while it
// is not told to misbehave.
var (
	requestsHeld = contracttest.Hold{Requests: true}
	answersHeld  = contracttest.Hold{Answers: true}
)

var theContract = sync.OnceValue(func() *contracttest.Contract {
	c, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return c
})

// reporter is a test, or one run of a property.
type reporter interface{ Error(args ...any) }

func holding(t reporter, next http.RoundTripper, what contracttest.Hold) http.RoundTripper {
	return theContract().Transport(next, what, func(err error) { t.Error(err) })
}

// wire is the way to the world's service.
func (w *world) wire(t testing.TB, next http.RoundTripper) http.RoundTripper {
	held := holding(t, next, answersHeld)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if w.ill.Load() {
			return next.RoundTrip(r)
		}
		return held.RoundTrip(r)
	})
}
