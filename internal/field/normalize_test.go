package field_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/field"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ name, field, value, want string }{
		{"white space at the ends", "FirstName", " \t Ada \r\n", "Ada"},
		{"a no-break space at the ends", "FirstName", "\u00a0Ada\u00a0", "Ada"},
		{"zero-width characters at the ends", "FirstName", "\u200bAda\u200d\u2060", "Ada"},
		{"a byte-order mark before the value", "ClientId", "\ufeffc-1", "c-1"},
		{"nothing but invisible characters", "ClientId", "\u200b\u00a0", ""},
		{"a decomposed letter is composed", "City", "Ko\u0308ln", "K\u00f6ln"},
		{"a ClientId keeps its case", "ClientId", "Peter", "Peter"},
		{"an email address is lower case", "Email", " Ada@Example.COM ", "ada@example.com"},
		{"a phone number has no separators", "Phone", "+49 (170) 123-45.67", "+491701234567"},
		{"a phone number with no-break spaces", "Phone", "+49\u00a0170\u00a01234567", "+491701234567"},
		{"an enum has the service's spelling", "Gender", "FEMALE", "Female"},
		{"an unknown value of an enum stays", "Gender", "w", "w"},
		{"a UUID is canonical", "CustomToken", "{8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A01}",
			"8f14e45f-ceea-467f-8b3e-2c1d6e5b9a01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := field.MustGet(c.field).Normalize(c.value); got != c.want {
				t.Errorf("Normalize(%+q) = %+q, want %+q", c.value, got, c.want)
			}
		})
	}
}

func TestParseServiceUUID(t *testing.T) {
	const want = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a01"
	for _, text := range []string{
		want, "8F14E45F-CEEA-467F-8B3E-2C1D6E5B9A01", "8f14e45fceea467f8b3e2c1d6e5b9a01",
		"{8f14e45f-ceea-467f-8b3e-2c1d6e5b9a01}", "(8f14e45f-ceea-467f-8b3e-2c1d6e5b9a01)", " " + want + "\n",
		"{8F14E45FCEEA467F8B3E2C1D6E5B9A01}",
	} {
		if got, err := field.ParseServiceUUID(text); err != nil || got.String() != want {
			t.Errorf("ParseServiceUUID(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "c-1", want + "0", "8f14e45f", "{}", "8f14e45f-ceea467f-8b3e-2c1d6e5b9a01"} {
		if got, err := field.ParseServiceUUID(text); err == nil {
			t.Errorf("ParseServiceUUID(%q) = %v, want an error", text, got)
		}
	}
}
