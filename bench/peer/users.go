package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/wait"
)

// users serves the pages of a list of N users, finds one by the DeviceToken, and takes changes,
// which it forgets. Each answer takes a fixed time longer than it need.
func users(addr, count, latency string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	each, err := time.ParseDuration(latency)
	if err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = wait.Sleep(r.Context(), each)
		switch r.Method {
		case http.MethodGet:
			token := r.URL.Query().Get("DeviceToken")
			i, err := strconv.ParseInt(token[strings.LastIndexByte(token, '-')+1:], 16, 64)
			if err == nil && int(i) < n {
				_, _ = fmt.Fprintf(w, `{"Result":[%s],"Status":200,"Title":"","Errors":[]}`, appendUser(nil, int(i)))
				return
			}
			_, _ = io.WriteString(w, `{"Result":[],"Status":200,"Title":"","Errors":[]}`)
			return
		case http.MethodPut:
			_, _ = io.WriteString(w, `{"Result":null,"Status":200,"Title":"","Errors":[]}`)
			return
		}
		var q struct{ PageNumber, PageSize int }
		if json.NewDecoder(r.Body).Decode(&q) != nil || q.PageNumber < 1 || q.PageSize < 1 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(page(n, q.PageNumber, q.PageSize))
	})
	server := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

func appendUser(out []byte, i int) []byte {
	return fmt.Appendf(out, user, uint32(i)*2654435761, i, i, i, i) //nolint:gosec // far fewer users
}

// page returns a page as the service would.
func page(n, number, size int) []byte {
	from := min((number-1)*size, n)
	to := min(from+size, n)
	out := append(make([]byte, 0, 1200*size), `{"Result":{"Users":[`...)
	for i := from; i < to; i++ {
		if i > from {
			out = append(out, ',')
		}
		out = appendUser(out, i)
	}
	return fmt.Appendf(out, `],"HasPreviousPage":%t,"HasNextPage":%t,"TotalUsers":%d,"TotalPages":%d,"CurrentPage":%d},`+
		`"Status":200,"Title":"","Errors":[]}`, number > 1, to < n, n, (n+size-1)/size, number)
}

// user is one that is listed.
const user = `{"DeviceToken":"%08x-0000-8000-8000-%012x","DateCreated":"2026-01-01T00:00:00","Status":"Active",` +
	`"ActivityStatus":"No Data","UserProfile":{"FirstName":"Name %d","LastName":null,"Nickname":null,"Phone":null,` +
	`"Email":"driver-%d@example.com","Gender":"None","Birthday":null,"MaritalStatus":null,"ChildrenCount":null,` +
	`"Country":null,"District":null,"City":"Bonn","Address":null,"ExternalImageUrl":null,"ImageUrl":null},` +
	`"MobileDevice":{"MobileUid":null,"DeviceModel":null,"OsType":null,"OsVersion":null,"SdkVersion":null,` +
	`"AppVersion":null,"VirtualImei":null},"AccountInfo":{"CompanyId":"5a4db0c5-0000-4000-8000-00000000000c",` +
	`"CompanyName":null,"ApplicationId":"5a4db0c5-0000-4000-8000-00000000000a","ApplicationName":null,` +
	`"InstanceId":"5a4db0c5-0000-4000-8000-000000000001","InstanceName":null},"UserWallets":null,"IdentityId":null,` +
	`"IdentityProvider":null,"UserFields":[{"ClientId":"driver-%07d","EnableTracking":true,"EnableLogging":false,` +
	`"EnableRealTimeLocation":false,"Enabled":true}]}`
