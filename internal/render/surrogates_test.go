package render

import "testing"

func TestHalvesOfSurrogatePairs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"\ud83d\ude00"`:         `"\ud83d\ude00"`,
		`"Ada\ud800"`:            `"Ada\ufffd"`,
		`"\uDC00Ada"`:            `"\ufffdAda"`,
		`"\ud800\ud83d\ude00"`:   `"\ufffd\ud83d\ude00"`,
		`"\ud800x\ude00"`:        `"\ufffdx\ufffd"`,
		`"\\ud800"`:              `"\\ud800"`,
		`"\\\ud800"`:             `"\\\ufffd"`,
		`{"\ud800":"\n\u0041"}`:  `{"\ufffd":"\n\u0041"}`,
		`"\ud83d\\ude00"`:        `"\ufffd\\ude00"`,
		`"plain \u00e9 \ufffd"`:  `"plain \u00e9 \ufffd"`,
		`["\udbff", "\udfff\""]`: `["\ufffd", "\ufffd\""]`,
	} {
		got := []byte(text)
		replaceLoneSurrogates(got)
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
