package cmd_test

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// checkTexts holds the texts of the source to the table: each is in a row, or in pinnedTexts or
// unmetTexts.
func checkTexts(t *testing.T, seen []seenMessage, texts []sourceText) {
	t.Helper()
	var table messageTable
	table.add(seen)
	inSource, pinned := map[string][]sourceText{}, textsBy(pinnedTexts)
	elsewhere := textsBy(unmetTexts)
	maps.Copy(elsewhere, pinned)
	for _, text := range texts {
		inSource[text.longest] = append(inSource[text.longest], text)
		if elsewhere[text.longest] == "" && !table.has(text) {
			t.Errorf("%s: %q is in no row: add one to %s, or an entry to pinnedTexts or unmetTexts", text.where,
				text.longest, messagesFolder)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(elsewhere)) {
		switch {
		case inSource[text] == nil:
			t.Errorf("the source has not %q: take it out of pinnedTexts and unmetTexts", text)
		case !slices.ContainsFunc(inSource[text], func(t sourceText) bool { return !table.has(t) }):
			t.Errorf("%q is in a row: take it out of pinnedTexts and unmetTexts", text)
		}
	}
	for text, file := range pinned {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("pinnedTexts: %v", err)
		} else if !strings.Contains(string(data), strings.TrimRight(strings.TrimLeft(text, " :,"), ":")) {
			t.Errorf("pinnedTexts: %q is not in %s", text, file)
		}
	}
	t.Logf("%d of %d texts are in no row, of which other tests pin %d", len(elsewhere), len(texts), len(pinned))
}

// textsBy turns lists of texts into what each is listed under.
func textsBy(lists map[string][]string) map[string]string {
	by := map[string]string{}
	for name, texts := range lists {
		for _, text := range texts {
			by[text] = name
		}
	}
	return by
}

// A messageTable is what the rows print.
type messageTable struct {
	all, shown string // shown is that of commands that succeed, which show an error as a finding
	byReason   map[failure.Reason]string
}

func (table *messageTable) add(seen []seenMessage) {
	table.byReason = map[failure.Reason]string{}
	for _, m := range seen {
		text := m.text + "\n"
		table.all += text
		if m.err == nil {
			table.shown += text
		} else if m.err.Reason != "" {
			table.byReason[m.err.Reason] += text
		}
	}
}

// has reports whether a text is in the table: as a whole, in one line, and in a row with the reason
// that it has in the source.
func (table *messageTable) has(text sourceText) bool {
	_, never := unreachableReasons[text.reason]
	if text.reason == "" || never || elsewhereReasons[text.reason] != "" {
		return text.pattern.MatchString(table.all)
	}
	reason := cmp.Or(replacedReasons[text.longest], text.reason)
	return text.pattern.MatchString(table.byReason[reason]) || text.pattern.MatchString(table.shown)
}

// replacedReasons are texts whose error gets another reason from the command that meets it.
var replacedReasons = map[string]failure.Reason{
	"it was typed differently each time": "store-passphrase-missing",
}

// pinnedTexts are texts that no row has and that another test pins, by its file.
var pinnedTexts = map[string][]string{
	"../internal/apply/testdata/wounds/a-first-export-that-was-cut-inside-the-last-cell.golden": {
		", without a line end",
	},
	"../internal/doctor/doctor_test.go": {
		"not done in time",
		"not done within ",
		"only ",
		"the answer names no version",
	},
	"../internal/fleet/membership_test.go": {
		"not every TOKEN names a user",
	},
	"../internal/job/lifecycle_test.go": {
		" rows are failed, unknown or stale",
	},
	"../internal/operation/template_test.go": {
		"invalid values for every row",
	},
	"../internal/tokenstore/suite_test.go": {
		"the token store has no folder",
	},
	"../internal/userservice/user_test.go": {
		"find users: no criterion",
	},
	"job/fulldisk_test.go": {
		" registered whose tokens could not be written; get them with ",
	},
	"pager_test.go": {
		"cannot run the pager ",
	},
	"proxy_test.go": {
		"the service differs: ",
	},
	"testdata/both/apply-undo.txtar": {
		"not undone: ",
	},
	"testdata/both/apply.txtar": {
		"nothing was sent: the plan removes ",
	},
	"testdata/script/auth-admin.txtar": {
		" as the admin: token_store memory keeps no sign-in, so that each command signs in with the password ",
	},
	"testdata/script/job-reasons.txtar": {
		" is finished, and the copy of its input was removed: no other files can be written",
	},
	"testdata/script/output-full.txtar": {
		"the output cannot be printed",
	},
	"testdata/script/token-refresh-stdin.txtar": {
		": delete that file when you have read it; the old pair is worthless",
	},
}

// unmetTexts are texts that no test meets, by what would have to happen.
var unmetTexts = map[string][]string{
	"a terminal whose cursor can be moved": {
		"needs --plain: requests would be printed into the screen",
	},
	"commands say in words of their own that nothing is stored": {
		"nothing is stored for ",
	},
	"a finding of doctor, on a machine whose DNS fails": {
		"cannot look up ",
	},
	"a finding of explain and doctor: a service must be silent for their time limit": {
		"no answer in time",
	},
	"a keyring must return another whole record: a damaged one is refused by its checksum": {
		"the token store returns something else than was written",
	},
	"a row must wait to be sent again while the answer to another shows that the service ignores CustomToken": {
		"its answer was lost, and the service ignores CustomToken: it is not sent again, as that could do it twice",
	},
	"a row of an earlier run must be sent again, and the run end before its first try": {
		"the run ended before the answer came",
	},
	"another process must take the folder while this one waits for it": {
		"cannot serve the sandbox's folder: ",
	},
	"api refuses a --host that is none first": {
		"unknown host ",
	},
	"both readings are of one private copy of the input": {
		"the file was changed while it was read",
	},
	"commands offer the fields by which users can be found and no others": {
		"users cannot be found by their ",
	},
	"every command commits a job before it runs it": {
		"the job was not committed",
	},
	"every operation gives one": {
		"the operation gave no outcome",
	},
	"every session has the instance of its profile": {
		"a user cannot be signed in without an instance",
	},
	"hashes of 64 bits with a seed of the run must collide": {
		"two keys have one hash: run the command again",
	},
	"something must ignore the interrupt for a second: nothing does": {
		"interrupted while waiting for something that does not end by itself",
	},
	"the copy of the job's input must go between the check that it is there and its opening": {
		"the plan of job ",
	},
	"the disk is full after the folder was read": {
		"cannot write the sandbox's layout",
	},
	"the engine sends no row of a job whose rows are settled": {
		"the job is finished: nothing is sent",
	},
	"the engine settles each row, or ends with an error of its own": {
		" rows have no outcome",
	},
	"the system refuses to make a terminal raw": {
		"cannot turn the terminal's echo off",
		"show the screen",
	},
	"two rows have the same hash of 64 bits with a seed of the run, and keys that differ": {
		" name the same user",
	},
	"user explain says in words of its own what is not known": {
		"nothing is reported of user ",
	},
}
