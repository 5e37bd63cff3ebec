package job_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

// requestsHeld holds what bulk runs send to the contract of the service. The model's answers are not held: it misbehaves, and says no more than a run needs.
var requestsHeld = sync.OnceValue(func() func(contracttest.Exchange) error {
	c, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		panic(err)
	}
	return c.Holder(contracttest.Hold{Requests: true})
})

func held(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return contracttest.Watch(next, func(e contracttest.Exchange) {
		if err := requestsHeld()(e); err != nil {
			t.Error(err)
		}
	})
}
