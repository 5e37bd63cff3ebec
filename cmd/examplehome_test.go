package cmd_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// exampleSetUp returns what is run before an example, in the same home.
func exampleSetUp(line string) []string {
	const asInFile = "telematicsctl user update client:c-1002 --tracking off"
	switch {
	case strings.Contains(line, "profile add prod --instance-id"):
		return []string{"telematicsctl profile remove prod --yes"}
	case strings.Contains(line, "user create") && strings.Contains(line, "c-1001"):
		return []string{"telematicsctl user delete client:c-1001 --yes"}
	case strings.Contains(line, "drivers.plan") && !strings.Contains(line, "--out"):
		return []string{asInFile, "telematicsctl user plan --file drivers.csv --out drivers.plan"}
	case strings.Contains(line, "--absent deactivate --confirm 3"):
		return []string{asInFile, "for n in 1 2 3; do echo Eve,,c-$n,on; done >> drivers.csv",
			"telematicsctl user apply --file drivers.csv --yes",
			"sed 's/,c-\\([123]\\),/,d-\\1,/' drivers.csv > new && mv new drivers.csv"}
	case strings.Contains(line, "user apply"), strings.Contains(line, "user drift"):
		return []string{asInFile}
	}
	return nil
}

// exampleInput is what a person types at the prompts of an example.
func exampleInput(line string) string {
	switch {
	case strings.Contains(line, "profile add") && !strings.Contains(line, "--replace"):
		return keptKey + "\n"
	case strings.Contains(line, "auth login --email") && !strings.Contains(line, "stdin"):
		return keptPassword + "\n"
	case strings.Contains(line, "profile remove"), strings.Contains(line, " delete "), strings.Contains(line, " remove "):
		return "y\n"
	}
	return ""
}

// newExampleHome is a home whose tokens go to a file, as the machine may have no keyring.
func newExampleHome(t *testing.T) *home {
	t.Helper()
	h := newHome(t)
	h.env = append(h.env, "TELEMATICSCTL_TOKEN_STORE=file", "TELEMATICSCTL_STORE_PASSPHRASE="+keptPassphrase)
	return h
}

// exampleHome fills a home with what the examples of the help pages name.
func exampleHome(t *testing.T, h *home) {
	t.Helper()
	const user = "8f14e45f-ceea-467f-8b3e-2c1d6e5b9a70"
	layout := (&house{password: keptPassword}).layoutText()
	for name, text := range map[string]string{
		"layout.yaml": layout,
		"password":    keptPassword + "\n",
		"key.txt":     keptKey + "\n",
		"drivers.csv": "FirstName,Email,ClientId,EnableTracking\nAda,ada@example.com,c-1001,on\n" +
			"Bob,bob@example.com,c-1002,off\n",
		"tokens.txt":  user + "\n",
		"changes.csv": "ClientId,City,EnableLogging\nc-1001,Bonn,off\nc-1002,\\N,on\n",
		"other-key":   otherKey + "\n",
		"user.json":   `{"FirstName": "Grace", "ClientId": "c-1003"}`,
	} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(h.dir, "drivers.xlsx"), workbook(t), 0o600); err != nil {
		t.Fatal(err)
	}
	// What the examples send to other programs ends in these.
	for _, name := range []string{"curl", "systemctl", "launchctl"} {
		if err := os.WriteFile(filepath.Join(h.dir, ".bin", name), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"telematicsctl sandbox reset --layout layout.yaml",
		"telematicsctl auth login --email " + keptEmail + " --password-stdin < password",
		"telematicsctl user bulk --file drivers.csv",
		"telematicsctl job list -o ids > jobs.txt",
		"telematicsctl user bulk --file drivers.csv --restart --results results.csv",
		"telematicsctl user create --client-id c-2001 --logging on",
		"telematicsctl user bulk --file drivers.csv --shard 1/2 --results r1.csv",
		"telematicsctl user bulk --file drivers.csv --shard 2/2 --results r2.csv",
		"telematicsctl user get email:ada@example.com -o json > before.json",
		"printf '{\"ClientId\":\"c-3001\"}\\n{\"ClientId\":\"c-3002\"}\\n' | gzip > drivers.jsonl.gz",
		"telematicsctl user create --first-name Eve --email eve@example.com --custom-token " + user,
		"telematicsctl user create --client-id other --show-tokens --jq '{AccessToken: .AccessToken, RefreshToken}' " +
			"> pair.json",
		"telematicsctl instance create --name ci-1 --throw-away",
		"telematicsctl instance create --name old-tests",
		"telematicsctl profile add prod --instance-id " + keptInstance + " --no-instance-key",
		"telematicsctl profile add test --instance-id " + keptInstance + " --no-instance-key",
		"telematicsctl profile add other --instance-id " + otherInstance + " --instance-key-stdin < other-key",
		"telematicsctl user update client:c-1002 --tracking on --logging on --realtime on --enabled off",
	} {
		h.must(t, line)
	}
}

// must runs a command line that has to succeed.
func (h *home) must(t *testing.T, line string) {
	t.Helper()
	if out, code := h.run(t, line, ""); code != 0 {
		t.Fatalf("%s: exit status %d\n%s", line, code, out)
	}
}

// run runs a command line; input is typed in a terminal, and without any there is none.
// A server is stopped when it has said that it serves.
func (h *home) run(t *testing.T, line, input string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if strings.Contains(line, "sandbox serve") || strings.Contains(line, "sandbox proxy") {
		return h.serve(ctx, t, line)
	}
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir, c.Env = h.dir, h.env
	var out bytes.Buffer
	if input == "" {
		c.Stdout, c.Stderr = &out, &out
		_ = c.Run()
		return out.String(), c.ProcessState.ExitCode()
	}
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 50, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := io.WriteString(f, input); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(&out, f) // it ends in an error when the terminal has gone
	_ = c.Wait()
	return out.String(), c.ProcessState.ExitCode()
}

// serve runs a server until it prints what it serves, at a port of its own.
func (h *home) serve(ctx context.Context, t *testing.T, line string) (string, int) {
	t.Helper()
	line = strings.ReplaceAll(line, "127.0.0.1:8077", "127.0.0.1:0")
	swap := ""
	if strings.Contains(line, "sandbox proxy") {
		swap = " 3>&1 1>&2 2>&3" // it says on standard error that it serves, and prints at its end
	}
	if !strings.Contains(line, "--addr") {
		line += " --addr 127.0.0.1:0"
	}
	c := exec.CommandContext(ctx, "sh", "-c", "exec "+line+swap)
	c.Dir, c.Env = h.dir, h.env
	var errOut bytes.Buffer
	c.Stderr = &errOut
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	first, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		_ = c.Process.Signal(os.Interrupt)
	}
	_, _ = io.Copy(io.Discard, stdout)
	_ = c.Wait()
	return first + errOut.String(), c.ProcessState.ExitCode()
}

// copyHome copies a home without the folder of its programs.
func copyHome(t *testing.T, from, to *home) {
	t.Helper()
	err := filepath.WalkDir(from.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from.dir, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to.dir, name)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case d.Name() == "telematicsctl" || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(target, text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// workbook is a workbook of Excel with one user.
func workbook(t *testing.T) []byte {
	t.Helper()
	const ns, rel = "http://schemas.openxmlformats.org/", "officeDocument/2006/relationships"
	cell := func(at, text string) string {
		return `<c r="` + at + `" t="inlineStr"><is><t>` + text + `</t></is></c>`
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"[Content_Types].xml": `<Types xmlns="` + ns + `package/2006/content-types"></Types>`,
		"xl/styles.xml": `<styleSheet xmlns="` + ns +
			`spreadsheetml/2006/main"><cellXfs><xf numFmtId="0"/></cellXfs></styleSheet>`,
		"_rels/.rels": `<Relationships xmlns="` + ns + `package/2006/relationships"><Relationship Id="r1" Type="` + ns + rel +
			`/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook xmlns="` + ns + `spreadsheetml/2006/main" xmlns:r="` + ns + rel +
			`"><sheets><sheet name="Drivers" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="` + ns +
			`package/2006/relationships"><Relationship Id="r1" Type="` +
			ns + rel + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet xmlns="` + ns + `spreadsheetml/2006/main"><sheetData><row r="1">` +
			cell("A1", "FirstName") + cell("B1", "Email") + `</row><row r="2">` + cell("A2", "Grace") + cell("B2",
			"grace@example.com") +
			`</row></sheetData></worksheet>`,
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
