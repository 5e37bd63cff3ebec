package job_test

import (
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/oldbulk"
	"github.com/telematicsctl/telematicsctl/internal/secret"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// These values must never change: they are what makes a second run harmless, on any machine and in any version. They were not taken from this
// program, but computed by Python after docs/scale.md:
//
//	import hmac, hashlib, struct, uuid
//	text = lambda s: struct.pack(">I", len(s.encode())) + s.encode()
//	mac = lambda key, *parts: hmac.new(key, b"".join(map(text, parts)), hashlib.sha256).digest()
//	token = lambda d: uuid.UUID(int=int.from_bytes(d[:16], "big") & ~(15 << 76) & ~(3 << 62) | 8 << 76 | 2 << 62)
//	shard = lambda n, kind, name: int.from_bytes(mac(b"", "telematicsctl shard 1", kind, name)[:8], "big") % n + 1
//	print(token(mac(b"99999999-2222-4333-8444-555555555555", "telematicsctl device token 1", "11111111-2222-4333-8444-555555555555", "c-1")))
//	print(token(mac(bytes.fromhex("00112233445566778899aabbccddeeff"), "telematicsctl row token 1", "11111111-2222-4333-8444-555555555555", "1")))
//	print(mac(b"99999999-2222-4333-8444-555555555555", "telematicsctl key check 1", "11111111-2222-4333-8444-555555555555")[:8].hex())
//	print(shard(16, "client", "c-1"))
//	print(mac(b"99999999-2222-4333-8444-555555555555", "telematicsctl run seed 1", "11111111-2222-4333-8444-555555555555", "monday").hex())

func TestDerivedTokensAreTheseForEver(t *testing.T) {
	t.Parallel()
	letters := userservice.Instance{ID: "ABCDEFAB-cdef-4abc-8def-abcdefabcdef", Key: secret.New("fedcbafe-dcba-4fed-8cba-FEDCBAFEDCBA")} // any case is the same
	for _, c := range []struct {
		in           userservice.Instance
		client, want string
	}{
		{instance, "c-1", "4997b176-3ab6-885a-9777-1c6b365270de"},
		{instance, "c-2", "80e384ea-58c4-855e-b754-76a4ef989055"},
		{instance, "Zoë  7", "6f852ecf-a4c9-81a8-9206-df22f47c38e7"},
		{letters, "c-1", "122fb3ed-ab60-84c9-8292-6ac6b7deff80"},
	} {
		for _, seed := range []string{"", "00112233445566778899aabbccddeeff"} { // a job's seed has no part in them
			if got := job.NewTokens(c.in, seed).OfClient(c.client).String(); got != c.want {
				t.Errorf("%q of instance %s has %s, not %s", c.client, c.in.ID, got, c.want)
			}
		}
	}
}

func TestTokensOfAJobsSeedAreTheseForEver(t *testing.T) {
	t.Parallel()
	tokens := job.NewTokens(instance, "00112233445566778899aabbccddeeff")
	for row, want := range map[int]string{1: "0ac11811-9313-8bc3-a54a-075d5248cc1c", 1_000_000: "3a10933f-dc35-8e97-a5ec-737772b37063"} {
		if got := tokens.OfRow(row).String(); got != want {
			t.Errorf("row %d has %s, not %s", row, got, want)
		}
	}
	if got, want := job.KeyCheck(instance), "234a683ba6d2d52b"; got != want {
		t.Errorf("the key check is %s, not %s", got, want)
	}
}

func TestTokensOfANamedRunAreTheseForEver(t *testing.T) {
	t.Parallel()
	letters := userservice.Instance{ID: "ABCDEFAB-cdef-4abc-8def-abcdefabcdef", Key: secret.New("fedcbafe-dcba-4fed-8cba-FEDCBAFEDCBA")} // any case is the same
	for _, c := range []struct {
		in         userservice.Instance
		seed, row1 string
	}{
		{instance, "5b9ab9ef602a8946f8afda07907a145071f35981521d45cdf915a4bc38c96b2a", "ba02b135-d901-868a-a468-cd3185f17a13"},
		{letters, "8c7bde32561d76e081c8a816ef1dd4d220a643030a1807c706f03c891a8163f2", "bd9dd5b6-d493-812f-a319-57dd97fe8849"},
	} {
		seed := job.RunSeed(c.in, "monday")
		if seed != c.seed {
			t.Errorf("the run has the seed %s, not %s", seed, c.seed)
		}
		if got := job.NewTokens(c.in, seed).OfRow(1).String(); got != c.row1 {
			t.Errorf("its first row has %s, not %s", got, c.row1)
		}
	}
	if job.RunSeed(instance, "Monday") == job.RunSeed(instance, "monday") {
		t.Error("two names have one seed")
	}
}

func TestShardsAreTheseForEver(t *testing.T) {
	t.Parallel()
	const token = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	for _, c := range []struct {
		shards        int
		token, client string
		row, want     int
	}{
		{16, "", "c-1", 1, 12},
		{16, "", "Zoë  7", 1, 8},
		{16, token, "c-1", 1, 8}, // a CustomToken comes before a ClientId
		{16, "", "", 1, 3},
		{7, "", "", 1_000_000, 1},
		{1, "", "c-1", 1, 1},
	} {
		if got := job.ShardOf(c.shards, c.token, c.client, c.row); got != c.want {
			t.Errorf("row %d (%q, %q) falls to shard %d of %d, not to %d", c.row, c.token, c.client, got, c.shards, c.want)
		}
	}
}
