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

// checkTexts holds the texts of the source to the table: each is in a row, or in elsewhereTexts.
func checkTexts(t *testing.T, seen []seenMessage, texts []sourceText) {
	t.Helper()
	var table messageTable
	table.add(seen)
	inSource := map[string][]sourceText{}
	for _, text := range texts {
		inSource[text.longest] = append(inSource[text.longest], text)
		if _, exempt := elsewhereTexts[text.longest]; !exempt && !table.has(text) {
			t.Errorf("%s: %q is in no row: add one to %s, or an entry to elsewhereTexts", text.where, text.longest, messagesFolder)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(elsewhereTexts)) {
		why := elsewhereTexts[text]
		switch {
		case inSource[text] == nil:
			t.Errorf("elsewhereTexts has %q, which the source has not", text)
		case !slices.ContainsFunc(inSource[text], func(t sourceText) bool { return !table.has(t) }):
			t.Errorf("%q is in a row: take it out of elsewhereTexts", text)
		}
		file, isTest := strings.CutPrefix(why, "pinned by ")
		if !isTest {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("elsewhereTexts: %q: %v", text, err)
		} else if !strings.Contains(string(data), strings.Trim(text, " :,")) {
			t.Errorf("elsewhereTexts: %q is not in %s", text, file)
		}
	}
	t.Logf("%d of %d texts are in no row", len(elsewhereTexts), len(texts))
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

// elsewhereTexts are texts that no row has: the file that pins a text, or why a command in a test
// does not meet it.
var elsewhereTexts = map[string]string{
	" as the admin: token_store memory keeps no sign-in, so that each command signs in with the password ": "pinned by testdata/script/auth-admin.txtar",
	" is finished, and the copy of its input was removed: no other files can be written":                   "pinned by testdata/script/job-reasons.txtar",
	" name the same user": "hashes are equal where keys are: the check of the rows finds the keys first",
	" registered whose tokens could not be written; get them with ":       "a disk that is full: job/fulldisk_test.go makes it so",
	" rows are failed, unknown or stale":                                  "commands count their rows in words of their own",
	" rows have no outcome":                                               "the engine settles each row, or ends with an error",
	", without a line end":                                                "pinned by ../internal/apply/testdata/wounds/a-first-export-that-was-cut-inside-the-last-cell.golden",
	": delete that file when you have read it; the old pair is worthless": "pinned by testdata/script/token-refresh-stdin.txtar",
	"a user cannot be signed in without an instance":                      "every command sets the instance",
	"cannot look up ":                                                     "a check of doctor, which shows it as a finding: it depends on the machine's DNS",
	"cannot read the contract":                                            "the contract is part of the program",
	"cannot run the pager ":                                               "pinned by pager_test.go",
	"cannot serve the sandbox's folder: ":                                 "another process must take the folder while this one opens it",
	"cannot turn the terminal's echo off":                                 "the terminal must fail",
	"cannot write the sandbox's layout":                                   "a disk that is full",
	"find users: no criterion":                                            "user find asks for a criterion first",
	"interrupted while waiting for something that does not end by itself": "a second process must hold what is waited for: an interrupt ends all else",
	"invalid values for every row":                                        "commands say invalid flags over the same fields",
	"its answer was lost, and the service ignores CustomToken: it is not sent again, as that could do it twice": "an answer must be lost after another row showed that CustomToken is ignored",
	"list the users: ":                       "the list must change while it is read: internal/fleet tests that",
	"no answer in time":                      "a check of explain and doctor, which show it as a finding",
	"not done in time":                       "a check of doctor, which shows it as a finding",
	"not done within ":                       "a check of doctor, which shows it as a finding",
	"not every TOKEN names a user":           "commands say invalid arguments over the same fields",
	"not undone: ":                           "pinned by testdata/both/apply-undo.txtar",
	"nothing is reported of user ":           "user explain shows it as a check",
	"nothing was sent: the plan removes ":    "pinned by testdata/both/apply.txtar",
	"only ":                                  "a finding of doctor, where the disk is nearly full",
	"show the screen":                        "the terminal must fail",
	"the answer names no version":            "a check of doctor, which shows it as a finding: it asks the release's host",
	"the file was changed while it was read": "both readings are of one private copy of the input",
	"the job is finished: nothing is sent":   "nothing is left to be sent of a finished job",
	"the job was not committed":              "every command commits a job before it runs it",
	"the new pair could not be printed and is lost, and the old one is worthless": "standard output and the disk must both be full",
	"the operation gave no outcome":                                               "every operation gives one",
	"the output cannot be printed":                                                "pinned by testdata/script/output-full.txtar",
	"the plan of job ":                                                            "the file must go between the check of the job's input and its reading",
	"the run ended before the answer came":                                        "a run that is ended between two tries of one row",
	"the service differs: ":                                                       "sandbox proxy says it while it serves another program",
	"the token store has no folder":                                               "the configuration always names one: a test of internal/tokenstore leaves it out",
	"the token store returns something else than was written":                     "a keyring that is broken",
	"two keys have one hash: run the command again":                               "hashes of 64 bits with a seed of the run must collide",
	"unknown host ":                                                               "api checks --host first",
	"users cannot be found by ":                                                   "pinned by testdata/both/user-explain.txtar",
	"users cannot be found by their ":                                             "commands offer the fields by which users can be found and no others",
}
