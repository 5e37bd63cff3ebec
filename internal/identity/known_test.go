package identity_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/identity"
	"github.com/telematicsctl/telematicsctl/internal/secret"
)

// The values of this file must never change: they are what makes a second run harmless, on any
// machine and in any version. They were not taken from this program, but computed by Python after
// docs/scale.md:
//
//	import hmac, hashlib, struct, uuid
//	b = lambda s: s if isinstance(s, bytes) else s.encode()
//	text = lambda s: struct.pack(">I", len(b(s))) + b(s)
//	mac = lambda key, *parts: hmac.new(key, b"".join(map(text, parts)), hashlib.sha256).digest()
//	token = lambda d: uuid.UUID(int=int.from_bytes(d[:16], "big") & ~(15 << 76) & ~(3 << 62) | 8 << 76 | 2 << 62)
//	shard = lambda n, *name: int.from_bytes(mac(b"", "telematicsctl shard 1", *name)[:8], "big") % n + 1
//	key, inst = b"99999999-2222-4333-8444-555555555555", "11111111-2222-4333-8444-555555555555"
//	token(mac(key, "telematicsctl device token 1", inst, "c-1"))
//	token(mac(key, "telematicsctl field token 1", inst, "Email", "ada@example.com"))
//	digest = mac(b"", "telematicsctl content 1", "ChildrenCount", "2", "EnableLogging", "false", "FirstName", "Zo\u00eb")
//	token(mac(key, "telematicsctl content token 1", inst, digest, "1"))
//	token(mac(bytes.fromhex("00112233445566778899aabbccddeeff"), "telematicsctl row token 1", inst, "1"))
//	mac(key, "telematicsctl key check 1", inst)[:8].hex()
//	mac(key, "telematicsctl run seed 1", inst, "monday").hex()
//	shard(16, "client", "c-1"), shard(16, "field", "Email", "ada@example.com"), shard(16, "content", digest, "1")
const (
	instanceID  = "11111111-2222-4333-8444-555555555555"
	instanceKey = "99999999-2222-4333-8444-555555555555"
	knownDigest = "aee6f489054c8c30af8dc0799507b70dd9b375fbd833fed27912b5bebb151d3e"
	knownSeed   = "00112233445566778899aabbccddeeff"
)

var (
	deriver = identity.NewDeriver(instanceID, secret.New(instanceKey))
	// letters has letters in both UUIDs: any case, braces and missing dashes are the same.
	letters = identity.NewDeriver("ABCDEFAB-cdef-4abc-8def-abcdefabcdef",
		secret.New("fedcbafe-dcba-4fed-8cba-FEDCBAFEDCBA"))
	braces = identity.NewDeriver("{abcdefab-cdef-4abc-8def-abcdefabcdef}", secret.New("FEDCBAFEDCBA4FED8CBAFEDCBAFEDCBA"))
	text   = identity.NewDeriver(instanceID, secret.New("Rotated Key"))

	now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

func TestTokensOfFieldsNeverChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		deriver            identity.Deriver
		field, value, want string
	}{
		{"a ClientId", deriver, "ClientId", "c-1", "4997b176-3ab6-885a-9777-1c6b365270de"},
		{"another ClientId", deriver, "ClientId", "c-2", "80e384ea-58c4-855e-b754-76a4ef989055"},
		{"a ClientId with white space inside", deriver, "ClientId", "Zoë  7", "6f852ecf-a4c9-81a8-9206-df22f47c38e7"},
		{"the same, decomposed", deriver, "ClientId", "\u00a0Zoe\u0308  7\u200b", "6f852ecf-a4c9-81a8-9206-df22f47c38e7"},
		{"UUIDs in capitals", letters, "ClientId", "c-1", "122fb3ed-ab60-84c9-8292-6ac6b7deff80"},
		{"UUIDs in braces and without dashes", braces, "ClientId", "c-1", "122fb3ed-ab60-84c9-8292-6ac6b7deff80"},
		{"an identity key that is not a UUID", text, "ClientId", "c-1", "737904dd-9396-895e-ae37-3685cee0e605"},
		{"an email", deriver, "Email", "ada@example.com", "f7414e51-2b0c-82a7-b474-bd31a7b90221"},
		{"an email in capitals", deriver, "Email", " Ada@Example.COM ", "f7414e51-2b0c-82a7-b474-bd31a7b90221"},
		{"a phone", deriver, "Phone", "+49 170-123.45 67", "36194356-05e8-8e14-86f5-b2b936c71a7a"},
	} {
		if got := c.deriver.Field(field.MustGet(c.field), c.value).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTokensOfContentNeverChange(t *testing.T) {
	t.Parallel()
	digest := identity.ContentOf(cells(t, "FirstName", "Zoë", "EnableLogging", "off", "ChildrenCount", "2"))
	if got := hex.EncodeToString(digest[:]); got != knownDigest {
		t.Fatalf("the digest is %s, want %s", got, knownDigest)
	}
	for number, want := range map[int]string{1: "3cf0c2d8-0b5b-8d4d-a4a0-4a70f0dd213f",
		2: "07e790b9-06a6-8509-ace1-fb4a5d5eaff2"} {
		if got := deriver.Content(digest, number).String(); got != want {
			t.Errorf("equal row %d: got %s, want %s", number, got, want)
		}
	}
}

func TestTokensOfSeedsNeverChange(t *testing.T) {
	t.Parallel()
	seed, err := identity.ParseSeed(knownSeed)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[int]string{1: "0ac11811-9313-8bc3-a54a-075d5248cc1c",
		1_000_000: "3a10933f-dc35-8e97-a5ec-737772b37063"} {
		if got := deriver.Random(seed, row).String(); got != want {
			t.Errorf("row %d: got %s, want %s", row, got, want)
		}
	}
	for _, c := range []struct {
		deriver    identity.Deriver
		seed, row1 string
	}{
		{deriver, "5b9ab9ef602a8946f8afda07907a145071f35981521d45cdf915a4bc38c96b2a", "ba02b135-d901-868a-a468-cd3185f17a13"},
		{letters, "8c7bde32561d76e081c8a816ef1dd4d220a643030a1807c706f03c891a8163f2", "bd9dd5b6-d493-812f-a319-57dd97fe8849"},
	} {
		seed := c.deriver.Run("monday")
		if seed.Text() != c.seed {
			t.Errorf("the seed of a named run: got %s, want %s", seed.Text(), c.seed)
		}
		if got := c.deriver.Random(seed, 1).String(); got != c.row1 {
			t.Errorf("row 1 of a named run: got %s, want %s", got, c.row1)
		}
	}
}

func TestKeyCheckNeverChanges(t *testing.T) {
	t.Parallel()
	if got, want := deriver.KeyCheck(), "234a683ba6d2d52b"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if deriver.KeyCheck() == text.KeyCheck() {
		t.Error("two identity keys have one check")
	}
}

func TestShardsNeverChange(t *testing.T) {
	t.Parallel()
	var digest identity.Digest
	if _, err := hex.Decode(digest[:], []byte(knownDigest)); err != nil {
		t.Fatal(err)
	}
	client := func(id string) identity.Key {
		return identity.Key{Kind: identity.ByField, Field: field.MustGet("ClientId"), Value: id}
	}
	for _, c := range []struct {
		name   string
		key    identity.Key
		shards int
		want   int
	}{
		{"a ClientId", client("c-1"), 16, 12},
		{"another ClientId", client("Zoë  7"), 16, 8},
		{"one shard", client("c-1"), 1, 1},
		{"a CustomToken", identity.Key{Kind: identity.Given, Value: "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"}, 16, 8},
		{"an email", identity.Key{Kind: identity.ByField, Field: field.MustGet("Email"), Value: "ada@example.com"}, 16, 5},
		{"a content", identity.Key{Kind: identity.ByContent, Digest: digest, Number: 1}, 16, 2},
		{"an equal row", identity.Key{Kind: identity.ByContent, Digest: digest, Number: 2}, 16, 6},
		{"a number", identity.Key{Kind: identity.ByNumber, Number: 1}, 16, 3},
		{"a large number", identity.Key{Kind: identity.ByNumber, Number: 1_000_000}, 7, 1},
	} {
		if got := c.key.ShardOf(c.shards); got != c.want {
			t.Errorf("%s: got shard %d of %d, want %d", c.name, got, c.shards, c.want)
		}
	}
}

// cells reads pairs of a column and a value, as a file gives them.
func cells(t interface{ Fatal(...any) }, pairs ...string) field.Set {
	r := field.Reader{Use: field.File | field.Create, Now: now}
	for i := 0; i < len(pairs); i += 2 {
		f, ok := field.Lookup(pairs[i])
		if !ok {
			t.Fatal("no field " + pairs[i])
		}
		r.Text(f, pairs[i+1])
	}
	if len(r.Mistakes) > 0 {
		t.Fatal(r.Mistakes)
	}
	return r.Set
}
