package job_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

// exchangesFolder is the variable that names the folder in which a process writes down
// what goes between it and the service.
const exchangesFolder = "CONTRACT_TEST_EXCHANGES"

// heldToContract is a folder for processes to write down their exchanges in, killed ones
// too. When the test has ended all is held to the contract: what they sent, and what they
// were answered, but for the statuses that faults name. (A body that breaks off counts as
// no answer.)
func heldToContract(t *testing.T, faults []string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	t.Cleanup(func() {
		contract, err := contracttest.New(docs.OpenAPI)
		if err != nil {
			t.Error(err)
			return
		}
		both, requests := contract.Holder(contracttest.Hold{Requests: true, Answers: true}),
			contract.Holder(contracttest.Hold{Requests: true})
		held := 0
		err = contracttest.Written(folder, func(e contracttest.Exchange) error {
			held++
			if e.Response != nil && strings.Contains(strings.Join(faults, " "), strconv.Itoa(e.Response.StatusCode)) {
				return requests(e)
			}
			return both(e)
		})
		if err != nil {
			t.Error(err)
		}
		if held == 0 {
			t.Error("nothing was written down")
		}
	})
	return folder
}
