package auth_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/sandbox/contracttest"
)

// The requests of all tests here are held to the contract, and the sandbox's answers too, while it is not told to misbehave.
var (
	requestsHeld = holder(contracttest.Hold{Requests: true})
	answersHeld  = holder(contracttest.Hold{Answers: true})
)

func holder(h contracttest.Hold) func() func(contracttest.Exchange) error {
	return sync.OnceValue(func() func(contracttest.Exchange) error {
		c, err := contracttest.New(docs.OpenAPI)
		if err != nil {
			panic(err)
		}
		return c.Holder(h)
	})
}

func holding(t testing.TB, next http.RoundTripper, hold func() func(contracttest.Exchange) error) http.RoundTripper {
	return contracttest.Watch(next, func(e contracttest.Exchange) {
		if err := hold()(e); err != nil {
			t.Error(err)
		}
	})
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
