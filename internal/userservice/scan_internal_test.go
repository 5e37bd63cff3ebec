package userservice

import (
	"encoding/json"
	"testing"
)

// What the fast way reads of an answer is what is decoded of it; what it does not read is
// left to that.
func TestTheFastWayReadsWhatIsDecoded(t *testing.T) {
	t.Parallel()
	const id = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	for answer, fast := range map[string]bool{
		`{"Result":{"DeviceToken":"` + id +
			`","AccessToken":null,"RefreshToken":null},"Status":200,"Title":"","Errors":[]}`: true,
		//nolint:gocritic // the white space around is what is tested
		" {\n\"Status\": 200, \"Result\": {\"DeviceToken\": \"8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A70\"}}\n": true,
		`{"Result":{"DeviceToken":"` + id + `"},"Status":2001}`:                                           false,
		`{"Result":{"DeviceToken":"` + id + `"},"Status":200} {}`:                                         false,
		`{"Result":{"DeviceToken":"` + id + `"},"Status":200,}`:                                           false,
		`{"Result":{"DeviceToken":"` + id + `"},"Status":200`:                                             false,
		`{"Result":{"DeviceToken":"` + id + `"},"Status":500}`:                                            false,
		`{"Result":{"DeviceToken":"` + id + `"},"Result":{},"Status":200}`:                                false,
		`{"Result":{"DeviceToken":"` + id + `","Other":1},"Status":200}`:                                  false,
		`{"Result":{"DeviceToken":"` + id + `","AccessToken":{"Token":"a"}},"Status":200}`:                false,
		`{"Result":{"DeviceToken":"00000000-0000-0000-0000-000000000000"},"Status":200}`:                  false,
		`{"Result":{"DeviceToken":"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a7z"},"Status":200}`:                  false,
		`{"Result":{"DeviceToken":"` + id + `"},"Status":200,"Errors":[{"Key":"a","Message":"b"}]}`:       false,
		`{"Result":null,"Status":200}`:                                                                    false,
		`{}`:                                                                                              false, ``: false,
		`[]`: false, `{"Result":{"DeviceToken":"`: false,
	} {
		token, ok := scanRegistration([]byte(answer))
		if ok != fast {
			t.Errorf("%s: %v", answer, ok)
		}
		if !ok {
			continue
		}
		var decoded struct{ Result registered }
		if err := json.Unmarshal([]byte(answer), &decoded); err != nil || canonical(decoded.Result.DeviceToken) != token {
			t.Errorf("%s: %s, decoded %s (%v)", answer, token, decoded.Result.DeviceToken, err)
		}
	}
}
