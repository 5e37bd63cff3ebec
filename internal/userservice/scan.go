package userservice

import (
	"github.com/google/uuid"
)

// scanRegistration reads the answer to a registration without tokens as the service writes it:
//
//	{"Result":{"DeviceToken":"…","AccessToken":null,"RefreshToken":null},"Status":200,"Title":"","Errors":[]}
//
// with its members in any order. It returns false for anything else, which is then decoded: what
// costs a job the most of its own time for each row is here one pass without allocations.
func scanRegistration(answer []byte) (deviceToken string, ok bool) {
	var token []byte
	s := scanner{data: answer, ok: true}
	var result, status bool
	s.members(func(name []byte) {
		switch string(name) {
		case "Result":
			s.ok = s.ok && !result
			result = true
			s.members(func(name []byte) {
				switch string(name) {
				case "DeviceToken":
					s.ok = s.ok && token == nil
					token = s.text()
				case "AccessToken", "RefreshToken":
					s.word("null")
				default:
					s.ok = false
				}
			})
		case "Status":
			s.ok = s.ok && !status
			status = true
			s.word("200")
		case "Title":
			_ = s.text()
		case "Errors":
			s.word("[]")
		default:
			s.ok = false
		}
	})
	if !s.atEnd() || !result || !status || len(token) != 36 {
		return "", false
	}
	id, err := uuid.ParseBytes(token)
	if err != nil || id == uuid.Nil {
		return "", false
	}
	return id.String(), true
}
