package userservice

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/docs"
	"github.com/telematicsctl/telematicsctl/internal/contracttest"
)

// What the client reads of an answer is what the contract describes there: a name that it does
// not describe would never come.
func TestWhatIsReadOfAnAnswerIsDescribed(t *testing.T) {
	t.Parallel()
	contract, err := contracttest.New(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for answer, read := range map[string]any{
		"POST /v1/Registration/create 200":              struct{ Result registered }{},
		"POST /v1/Registration/CreateMultiple 200":      struct{ Result []registered }{},
		"POST /v1/Auth/Login 200":                       struct{ Result registered }{},
		"POST /v1/Auth/RefreshToken 200":                struct{ Result registered }{},
		"GET /v1/Management/users/find 200":             struct{ Result []readUser }{},
		"POST /v1/Management/users/GetFilteredPage 200": struct{ Result readPage }{},
		"GET /v1/Management/users 200":                  struct{ Result readUser }{},
		"GET /auth/permissions 200": struct {
			Result struct{ InstancesPermissions []readPermission }
		}{},
		"GET /v1/Instances/{InstanceId} 200":            struct{ Result readInstance }{},
		"POST /v1/Registration/create 422":              head{},
		"PUT /v1/Management/users 200":                  head{},
		"DELETE /v1/Management/users/{DeviceToken} 200": head{},
	} {
		places := placesRead(reflect.TypeOf(read), "")
		if len(places) == 0 {
			t.Errorf("%s: nothing is read", answer)
		}
		for _, at := range places {
			described := slices.ContainsFunc(contract.Given(),
				func(given string) bool { return strings.EqualFold(given, answer+" "+at) })
			if !described && !strings.HasPrefix(at, "/Errors/*/") {
				t.Errorf("%s: %s is read, and not described", answer, at)
			}
		}
	}
}

// placesRead are the members that a type takes out of JSON, spelled as the contract's.
func placesRead(typ reflect.Type, at string) []string {
	switch {
	case reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return nil
	case typ.Kind() == reflect.Pointer:
		return placesRead(typ.Elem(), at)
	case typ.Kind() == reflect.Slice:
		return placesRead(typ.Elem(), at+"/*")
	case typ.Kind() != reflect.Struct:
		return nil
	}
	var all []string
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous || len(f.Index) > 1 {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		all = append(all, at+"/"+name)
		all = append(all, placesRead(f.Type, at+"/"+name)...)
	}
	return all
}
