package field

import (
	"net/mail"
	"testing"

	"pgregory.net/rapid"
)

// What is taken for a plain e-mail address without asking the library, the library takes too.
func TestPlainAddressesAreTheLibrarysToo(t *testing.T) {
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringOfN(rapid.RuneFrom([]rune(`abZ019.-_+ä @"`)), 0, 12, -1).Draw(t, "local")
		if !isPlainLocal(local) {
			return
		}
		plain++
		s := local + "@example.com"
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			t.Fatalf("%q: %v, %v", s, a, err)
		}
	})
	if plain == 0 {
		t.Error("none was plain")
	}
}
