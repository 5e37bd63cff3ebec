package cmd_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// An archive holds the license, and every document that the README and the documents
// themselves lead to.
func TestArchivesHoldTheLicenseAndTheDocuments(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		Archives []struct {
			Files []struct {
				Src string `yaml:"src"`
			} `yaml:"files"`
		} `yaml:"archives"`
	}
	if err := yaml.Unmarshal(text, &release); err != nil {
		t.Fatal(err)
	}
	root := os.DirFS("..")
	required := []string{"LICENSE", "THIRD-PARTY-LICENSES.txt", "README.md", "CHANGELOG.md", "docs/openapi.yaml"}
	err = fs.WalkDir(root, "docs", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") || strings.HasSuffix(name, ".svg") {
			required = append(required, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(release.Archives) == 0 || len(required) < 30 {
		t.Fatalf("%d archives, %d documents", len(release.Archives), len(required))
	}
	for i, archive := range release.Archives {
		for _, name := range required {
			held := false
			for _, f := range archive.Files {
				held = held || globMatches(f.Src, name)
			}
			if !held {
				t.Errorf("archive %d does not hold %s: no pattern of its files matches", i, name)
			}
			if _, err := fs.Stat(root, name); err != nil {
				t.Error(err)
			}
		}
	}
}

// globMatches reports whether a pattern of a release matches a path: ** stands for one
// folder or more, as goreleaser's own matching is not relied on for none.
func globMatches(pattern, name string) bool {
	if !strings.Contains(pattern, "**") {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	}
	expr := regexp.QuoteMeta(pattern)
	expr = strings.NewReplacer(`\*\*/`, `(?:[^/]+/)+`, `\*`, `[^/]*`).Replace(expr)
	return regexp.MustCompile("^" + expr + "$").MatchString(name)
}

// Links between the documents lead to files that are there.
func TestLinksOfTheDocumentsResolve(t *testing.T) {
	t.Parallel()
	root := os.DirFS("..")
	names := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	err := fs.WalkDir(root, "docs", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)
	for _, name := range names {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := fs.Stat(root, path.Join(path.Dir(name), m[1])); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, m[1])
			}
		}
	}
}
