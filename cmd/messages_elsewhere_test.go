package cmd_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// checkTexts holds the texts of the source to the table: each is in a row, or in elsewhereTexts.
func checkTexts(t *testing.T, seen []seenMessage, texts []sourceText) {
	t.Helper()
	var all strings.Builder
	for _, m := range seen {
		all.WriteString(m.text + "\n")
	}
	table, inSource := all.String(), map[string]bool{}
	for _, text := range texts {
		inSource[text.longest] = true
		if _, exempt := elsewhereTexts[text.longest]; !exempt && !strings.Contains(table, text.longest) {
			t.Errorf("%s: %q is in no row: add one to %s, or an entry to elsewhereTexts", text.where, text.longest, messagesFolder)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(elsewhereTexts)) {
		why := elsewhereTexts[text]
		switch {
		case !inSource[text]:
			t.Errorf("elsewhereTexts has %q, which the source has not", text)
		case strings.Contains(table, text):
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

// elsewhereTexts are texts that no row has: the file that pins a text, or why a command in a test
// does not meet it.
var elsewhereTexts = map[string]string{
	" as the admin: token_store memory keeps no sign-in, so that each command signs in with the password ": "pinned by testdata/script/auth-admin.txtar",
	" belongs to the user with ": "another person must take the DeviceToken between the plan and its apply",
	" has invalid options":       "a job's file has a checksum, and a newer version is refused",
	" has invalid settings":      "a job's file has a checksum, and a newer version is refused",
	" is finished, and the copy of its input was removed: no other files can be written": "pinned by testdata/script/job-reasons.txtar",
	" name the same user": "hashes are equal where keys are: the check of the rows finds the keys first",
	" registered whose tokens could not be written; get them with ":                          "a disk that is full: job/fulldisk_test.go makes it so",
	" rows are failed, unknown or stale":                                                     "commands count their rows in words of their own",
	" rows have no outcome":                                                                  "the engine settles each row, or ends with an error",
	" rows name the user of another row":                                                     "no row yet: two rows name one user by different keys",
	" users of other instances have this key":                                                "no row yet: apply --moves with a key that two instances have",
	", but the users were to be moved to ":                                                   "the profile must change its instance between two runs of a job",
	", twice by now: it is left alone":                                                       "no row yet: a service that writes a value in another way, twice",
	", without a line end":                                                                   "pinned by ../internal/apply/testdata/wounds/a-first-export-that-was-cut-inside-the-last-cell.golden",
	": delete that file when you have read it; the old pair is worthless":                    "pinned by testdata/script/token-refresh-stdin.txtar",
	": no DeviceToken found":                                                                 "a file without rows is refused first",
	": the service answered with those of ":                                                  "pinned by ../internal/auth/subject_test.go",
	": the service's answer has an invalid character in a token: nothing was stored or used": "no row yet: an answer with a control character in a token",
	": unknown operation ":                                                                   "a job's file has a checksum, and a newer version is refused",
	": yet no such user can be seen: the DeviceToken belongs to a user out of reach":         "no row yet: a DeviceToken of another company",
	"a user cannot be signed in without an instance":                                         "every command sets the instance",
	"another process applies this file":                                                      "no row yet: two processes apply one file",
	"cannot look up ":                                                                        "a check of doctor, which shows it as a finding: it depends on the machine's DNS",
	"cannot read standard input":                                                             "reading must fail, as of a terminal that is gone",
	"cannot read the contract":                                                               "the contract is part of the program",
	"cannot run the pager ":                                                                  "pinned by pager_test.go",
	"cannot serve the sandbox's folder: ":                                                    "another process must take the folder while this one opens it",
	"cannot turn the terminal's echo off":                                                    "the terminal must fail",
	"cannot use the passphrase":                                                              "an empty passphrase is refused before",
	"cannot use the sandbox's folder ":                                                       "the token file in the same folder is read first",
	"cannot write the sandbox's layout":                                                      "a disk that is full",
	"change a user":                                                                          "the browser passes DeviceTokens that it has from the service",
	"create an instance":                                                                     "texts always become JSON",
	"create an instance: no application ":                                                    "the application is read first, which says that it is not there",
	"find users":                                                                             "the browser passes values that it has parsed",
	"find users: no criterion":                                                               "user find asks for a criterion first",
	"interrupted while waiting for something that does not end by itself":                    "a second process must hold what is waited for: an interrupt ends all else",
	"invalid options":                                                                        "sandbox serve checks its flags first",
	"invalid seed: not 16 bytes or more in hexadecimal":                                      "the seed is in a file with a checksum",
	"invalid user":                                                                           "an answer of the sandbox's control to another program",
	"invalid values for every row":                                                           "commands say invalid flags over the same fields",
	"its answer was lost, and the service ignores CustomToken: it is not sent again, as that could do it twice": "an answer must be lost after another row showed that CustomToken is ignored",
	"list the users: ":                    "the list must change while it is read: internal/fleet tests that",
	"move a user":                         "texts always become JSON",
	"must be at least a minute":           "a question of the browser, which has no command's standard error",
	"no answer in time":                   "a check of explain and doctor, which show it as a finding",
	"not done in time":                    "a check of doctor, which shows it as a finding",
	"not done within ":                    "a check of doctor, which shows it as a finding",
	"not every TOKEN names a user":        "commands say invalid arguments over the same fields",
	"not undone: ":                        "pinned by testdata/both/apply-undo.txtar",
	"nothing is reported of user ":        "user explain shows it as a check",
	"nothing was sent: the plan removes ": "pinned by testdata/both/apply.txtar",
	"please report it, with the command and its version; what was done before it is done": "it is a bug",
	"register many users": "values that were checked always become JSON",
	"set identity_key_command to it, or DeviceTokens will be derived from the new InstanceKey": "no row yet: profile add --replace where the old key cannot be read",
	"show the screen":                              "the terminal must fail",
	"the answer is longer than ":                   "no row yet: an answer of more than 64 KiB",
	"the answer names no version":                  "a check of doctor, which shows it as a finding: it asks the release's host",
	"the base URL is invalid":                      "a URL that was parsed is one of a request, too",
	"the body must be a user, as an export has it": "an answer of the sandbox's control to another program",
	"the body must have Advance, a duration, or To, a moment in ISO 8601":                        "an answer of the sandbox's control to another program",
	"the change was made, but the lease of an earlier one stays: ":                               "no row yet: the leases cannot be written",
	"the clock moves at most a hundred years from the system's":                                  "an answer of the sandbox's control to another program",
	"the field Advance must be a duration such as 25h":                                           "an answer of the sandbox's control to another program",
	"the field DeviceToken is not a UUID":                                                        "an answer of the sandbox's control to another program",
	"the field Faults must be a list of texts":                                                   "an answer of the sandbox's control to another program",
	"the file was changed while it was read":                                                     "both readings are of one private copy of the input",
	"the job is finished: nothing is sent":                                                       "nothing is left to be sent of a finished job",
	"the job was not committed":                                                                  "every command commits a job before it runs it",
	"the last run ended before the answer came; it is not sent again, as that could do it twice": "the process must be killed between a request and its answer",
	"the ledger cannot be locked":                                                                "a file system without locks",
	"the list of instance ":                                                                      "no row yet: a list of the service that breaks the contract",
	"the new pair could not be printed and is lost, and the old one is worthless":                "standard output and the disk must both be full",
	"the operation gave no outcome":                                                              "every operation gives one",
	"the output cannot be printed":                                                               "pinned by testdata/script/output-full.txtar",
	"the password cannot be stored":                                                              "two strings always become JSON",
	"the plan of job ":                                                                           "the file must go between the check of the job's input and its reading",
	"the run ended before the answer came":                                                       "a run that is ended between two tries of one row",
	"the sandbox was emptied, but not filled again":                                              "a disk that is full between the two",
	"the service differs: ":                                                                      "sandbox proxy says it while it serves another program",
	"the service lists a user without a DeviceToken: ":                                           "no row yet: a list of the service that breaks the contract",
	"the service refused the RefreshToken and the sign-in of ":                                   "token refresh --all shows the pair as skipped",
	"the token store has no folder":                                                              "the configuration fails first where there is no folder",
	"the token store returns something else than was written":                                    "a keyring that is broken",
	"the tokens of user ":                                                                        "the keyring must be locked between two calls of one command",
	"this is a bug of telematicsctl: ":                                                           "it is a bug",
	"two keys have one hash: run the command again":                                              "hashes of 64 bits with a seed of the run must collide",
	"unknown action ":                                                                            "a plan with one is refused when it is read",
	"unknown host ":                                                                              "api checks --host first",
	"unknown user ":                                                                              "an answer of the sandbox's control to another program",
	"users are registered as fast as they are deleted":                                           "others must register users while an instance is emptied, many rounds long",
	"users cannot be found by ":                                                                  "pinned by testdata/both/user-explain.txtar",
	"users cannot be found by their ":                                                            "commands offer the fields by which users can be found and no others",
}
