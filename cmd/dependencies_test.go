package cmd_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Each dependency has its reason in docs/architecture.md.
func TestEveryDependencyHasItsReason(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/\S+) v\S+$`).
		FindAllStringSubmatch(string(mod), -1) {
		direct++
		name := strings.TrimPrefix(m[1], "github.com/")
		name = regexp.MustCompile(`/v\d+$`).ReplaceAllString(name, "")
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/architecture.md gives no reason for %s", m[1])
		}
	}
	if direct < 10 {
		t.Errorf("only %d direct dependencies were found in go.mod", direct)
	}
}

// A module is one that is linked into the program, on one of the systems that releases are for.
type module struct{ path, version, dir string }

// modules are the modules of the program, by their paths.
var modules = sync.OnceValues(func() (map[string]module, error) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	all, errs := map[string]module{}, []error{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		wait.Go(func() {
			c := exec.Command("go", "list", "-deps", "-f",
				"{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "..")
			c.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
			var problems bytes.Buffer
			c.Stderr = &problems
			out, err := c.Output()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("go list for %s: %w\n%s", system, err, &problems))
			}
			for _, line := range strings.Split(string(out), "\n") {
				if f := strings.Split(line, "\t"); len(f) == 3 {
					all[f[0]] = module{f[0], f[1], f[2]}
				}
			}
		})
	}
	wait.Wait()
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return all, nil
})

// No module comes into the program unsaid: docs/dependencies.md lists each with its license and
// what it costs. -update writes the table again; what a new module costs is measured by `make
// dependencies`.
func TestNoModuleComesUnsaid(t *testing.T) {
	t.Parallel()
	all, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	const path, head = "../docs/dependencies.md", "| module | license | bytes | init |\n|---|---|---:|---:|\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, table, found := strings.Cut(string(text), head)
	if !found {
		t.Fatalf("%s has no table", path)
	}
	cost := costs(t, table)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		license := licenseName(licenseText(t, all[name]))
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, license, cost[name])
		if cost[name] == "" {
			t.Errorf("%s is new in the program: say why in docs/architecture.md, then run `make dependencies`", name)
		}
		if license == "" {
			t.Errorf("the license of %s is not known here: look whether it may be used", name)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+head+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != b.String() {
		t.Errorf("%s is stale: run `make dependencies`; it should have\n%s", path, &b)
	}
}

// costs are the cells of bytes and init by module: those of a measurement (bench/dependencies,
// whose output is the file that DEPENDENCIES_MEASURED names), else those of the table.
func costs(t *testing.T, table string) map[string]string {
	t.Helper()
	cost := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]* \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		cost[m[1]] = m[2]
	}
	file := os.Getenv("DEPENDENCIES_MEASURED")
	if file == "" {
		return cost
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	for name := range all {
		cost[name] = "0 | 0.00 ms"
	}
	costLine := regexp.MustCompile(`(?m)^\s*(\d+) bytes\s+(\S+) ms\s+(\S+)$`)
	for _, m := range costLine.FindAllStringSubmatch(string(text), -1) {
		cost[m[3]] = m[1] + " | " + m[2] + " ms"
	}
	return cost
}

// licenseText returns the license of a module.
func licenseText(t *testing.T, m module) string {
	t.Helper()
	for _, name := range []string{"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING", "License"} {
		if text, err := os.ReadFile(filepath.Join(m.dir, name)); err == nil {
			return strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
		}
	}
	t.Errorf("%s %s has no license", m.path, m.version)
	return ""
}

// licenseName returns the SPDX name of a license that may be used here; "" for any other.
func licenseName(text string) string {
	flat := strings.Join(strings.Fields(text), " ")
	switch {
	case strings.Contains(flat, "Apache License") && strings.Contains(flat, "MIT"):
		return "MIT and Apache-2.0"
	case strings.Contains(flat, "Apache License"):
		return "Apache-2.0"
	case strings.Contains(flat, "Permission is hereby granted, free of charge"):
		return "MIT"
	case strings.Contains(flat, "Redistribution and use in source and binary forms") &&
		strings.Contains(flat, "Neither the name"):
		return "BSD-3-Clause"
	case strings.Contains(flat, "Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return ""
}

// The release carries the licenses of all that is linked into the program.
func TestTheLicensesAreCollected(t *testing.T) {
	t.Parallel()
	all, err := modules()
	if err != nil {
		t.Fatal(err)
	}
	users := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text := licenseText(t, all[name])
		users[text] = append(users[text], name+" "+all[name].version)
		if name == "golang.org/x/sys" { // Go's own is the same
			users[text] = append(users[text], "the Go standard library")
		}
	}
	texts := slices.SortedFunc(maps.Keys(users), func(a, b string) int {
		return strings.Compare(users[a][0], users[b][0])
	})
	var b strings.Builder
	b.WriteString("telematicsctl contains the following software, under the licenses below it.\n")
	for _, text := range texts {
		b.WriteString("\n" + strings.Repeat("=", 80) + "\n" + strings.Join(users[text], "\n") + "\n" +
			strings.Repeat("-", 80) + "\n" + text + "\n")
	}
	const path = "../THIRD-PARTY-LICENSES.txt"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != b.String() {
		t.Errorf("%s is stale: run `make dependencies` (%v)", path, err)
	}
}
