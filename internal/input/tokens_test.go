package input_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/input"
)

const (
	tokenA = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	tokenB = "c9f0f895-fb98-4b91-9f3a-0d5a1c2e7b44"
)

// tokensOf gives the DeviceTokens of a file, which is read twice to see that it can be.
func tokensOf(ctx context.Context, o input.Options, stdin io.Reader) ([]string, error) {
	f, err := input.OpenTargets(ctx, o, stdin)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var list []string
	for range 2 {
		list = nil
		if err := f.Each(ctx, func(u input.Target) error { list = append(list, u.DeviceToken); return nil }); err != nil {
			return nil, err
		}
	}
	if f.Count() != len(list) {
		return nil, fmt.Errorf("it counts %d and gives %d", f.Count(), len(list))
	}
	return list, nil
}

// However the tokens come (a pipe of ids, a results file, a list kept by hand), they are
// the same tokens.
func TestTokens(t *testing.T) {
	loud := "{" + strings.ToUpper(tokenA) + "}"
	for _, c := range []struct{ name, file, content string }{
		{"one a line", "tokens.txt", tokenA + "\n" + tokenB + "\n"},
		{"no name that says anything", "tokens", tokenA + "\n" + tokenB},
		{"blank lines, comments, space, CRLF", "tokens.txt",
			"# the test fleet\r\n\r\n  " + tokenA + " \r\n#\r\n" + tokenB + "\r\n"},
		{"a mark and UTF-16", "tokens.txt", utf16Of("\ufeff"+tokenA+"\r\n"+tokenB+"\r\n", false)},
		{"compressed", "tokens.gz", gzipped(t, tokenA+"\n"+tokenB+"\n")},
		{"braces and upper case, and each once", "tokens.txt", loud + "\n" + tokenB + "\n" + tokenA + "\n"},
		{"lines in a file that is called CSV", "tokens.csv", tokenA + "\n" + tokenB + "\n"},
		{"a column", "tokens.csv", "DeviceToken\n" + loud + "\n" + tokenB + "\n"},
		{"a column by looking", "tokens", "Device Token;Shoe\n" + tokenA + ";43\n;44\n" + tokenB + ";\n"},
		{"a column behind sep=", "tokens", "sep=;\n\"device_token\";Shoe\n" + tokenA + ";43\n" + tokenB + ";\n"},
		{"a results file", "results.csv",
			"ClientId,Email,DeviceToken,Outcome,Error\n1,x," + tokenA + ",created,\n2,,,failed,no\n3,,\"" + tokenB +
				"\",existing,\n"},
		{"TSV", "tokens.tsv", "Row\tDeviceToken\n1\t" + tokenA + "\n2\t" + tokenB + "\n"},
		{"JSON", "users.json", `[{"DeviceToken": "` + loud +
			`", "UserProfile": {"Email": "x"}}, {"DeviceToken": null}, {"deviceToken": "` + tokenB +
			`", "UserFields": [{"EnableTracking": true}]}]`},
		{"JSON Lines by looking", "users",
			`{"UserProfile": {}, "DeviceToken": "` + tokenA + `"}` + "\n" + `{"DeviceToken": "` + tokenB + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := tokensOf(t.Context(), input.Options{Name: file(t, c.file, c.content)}, nil)
			if err != nil || strings.Join(got, " ") != tokenA+" "+tokenB {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestTokensOfStandardInput(t *testing.T) {
	got, err := tokensOf(t.Context(), input.Options{Name: "-", SpoolDir: t.TempDir()}, strings.NewReader(tokenA+"\n"))
	if err != nil || strings.Join(got, " ") != tokenA {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTokensOfARenamedColumn(t *testing.T) {
	o := input.Options{Name: file(t, "users", "Phone id,City\n"+tokenA+",Bonn\n"),
		Map: map[string]string{"Phone id": "DeviceToken"}}
	if got, err := tokensOf(t.Context(), o, nil); err != nil || strings.Join(got, " ") != tokenA {
		t.Errorf("got %v, %v", got, err)
	}
}

// Nothing is done for some of the tokens while others are not understood: all that is
// wrong is said at once.
func TestWhatIsNoToken(t *testing.T) {
	for _, c := range []struct{ name, file, content, want string }{
		{"lines", "tokens.txt", tokenA + "\n\nAda\n" + tokenB + " # Bob\n",
			`tokens.txt: not every line is valid: DeviceToken: not a UUID, in 2 rows: row 2 (line 3) "Ada", row 3 (line 4) "` +
				tokenB + ` # Bob"`},
		{"the first line", "tokens.txt", "Ada\n" + tokenA + "\n", `row 1 (line 1), DeviceToken: "Ada" is not a UUID`},
		{"rows", "users.csv", "DeviceToken,City\n" + tokenA + ",Bonn\n7,Bonn\n",
			`users.csv: not every line is valid: row 2 (line 3), DeviceToken: "7" is not a UUID`},
		{"no column", "users.csv", "City\nBonn\n", "users.csv: no column is DeviceToken"},
		{"no rows", "users.csv", "DeviceToken\n", "users.csv: the file has no row"},
		{"no member", "users.json", `[{"City": "Bonn"}]`, "row 1 (line 1): no ClientId: each row must have one"},
		{"comments alone", "tokens.txt", "# none\n", "tokens.txt: the file has no row"},
		{"nothing", "tokens.txt", "", "tokens.txt: "},
		{"cut off", "tokens.json", `[{"DeviceToken": "` + tokenA + `"},`, "the JSON ends early"},
		{"very long", "tokens.txt", tokenA + "\n" + strings.Repeat("x", 2<<20), "the row at line 2 is larger than 1 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := tokensOf(t.Context(), input.Options{Name: file(t, c.file, c.content)}, nil)
			if got != nil || !failure.Is(err, failure.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// However many lines are wrong in the same way, it is one thing to say.
func TestMistakesOfAListAreGrouped(t *testing.T) {
	content := tokenA + "\n" + strings.Repeat("x\n", 250)
	_, err := tokensOf(t.Context(), input.Options{Name: file(t, "tokens", content)}, nil)
	want := `DeviceToken: not a UUID, in 250 rows: row 2 (line 2) "x", row 3 (line 3) "x", row 4 (line 4) "x", …`
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Users named by arguments are not given again by the file.
func TestTokensThatAreGivenBesideAFile(t *testing.T) {
	f, err := input.OpenTargets(t.Context(), input.Options{Name: file(t, "tokens", tokenA+"\n"+tokenB+"\n"+tokenA+"\n")},
		nil, tokenB)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var got []string
	if err := f.Each(t.Context(), func(u input.Target) error {
		got = append(got, u.DeviceToken)
		return nil
	}); err != nil || strings.Join(got, " ") != tokenA || f.Count() != 1 {
		t.Errorf("got %v of %d, %v", got, f.Count(), err)
	}
	stop := errors.New("stop")
	if err := f.Each(t.Context(), func(input.Target) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

// A fleet is as long as it likes: the tokens of a file are not held.
func TestTokensAreNotHeldInMemory(t *testing.T) {
	const many = 100_000
	path := file(t, "tokens", "")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range many {
		if _, err := fmt.Fprintf(out, "8f14e45f-ceea-467f-8b3e-%012x\n", n); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	before := live()
	f, err := input.OpenTargets(t.Context(), input.Options{Name: path}, nil)
	if err != nil || f.Count() != many {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if more := int64(live()) - int64(before); more > 1<<20 {
		t.Errorf("%d bytes are held", more)
	}
}
