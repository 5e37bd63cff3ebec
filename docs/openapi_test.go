package docs_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/docs"
)

var update = flag.Bool("update", false, "write openapi-3.0.yaml")

const (
	copyFile = "openapi-3.0.yaml"
	copyHead = "# Made from openapi.yaml, for generators that read OpenAPI 3.0. To make it again:\n" +
		"#   go test ./docs -run TestTheCopyInOpenAPI30 -update\n"
)

// The copy in OpenAPI 3.0 is the contract, and valid.
func TestTheCopyInOpenAPI30(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal(docs.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	doc.HeadComment, doc.Content[0].HeadComment = "", ""
	set(doc.Content[0], "openapi", &yaml.Node{Kind: yaml.ScalarNode, Value: "3.0.3"})
	doc.Content[0].Content[0].HeadComment = ""
	downgrade(t, &doc, "")
	var out bytes.Buffer
	out.WriteString(copyHead)
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		t.Fatal(err)
	}
	loader := openapi3.NewLoader()
	loaded, err := loader.LoadFromData(out.Bytes())
	if err == nil {
		err = loaded.Validate(loader.Context)
	}
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(copyFile, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(copyFile); err != nil || !bytes.Equal(is, out.Bytes()) {
		t.Errorf("docs/%s is not the copy of openapi.yaml (%v); run: go test ./docs -run TestTheCopyInOpenAPI30 -update",
			copyFile, err)
	}
}

// downgrade rewrites what OpenAPI 3.0 does not know. at is the name that the node stands under.
func downgrade(t *testing.T, n *yaml.Node, at string) {
	t.Helper()
	if n.Kind == yaml.MappingNode && at != "properties" {
		for _, name := range []string{"contentMediaType", "contentSchema"} {
			set(n, name, nil)
		}
		if at == "info" {
			set(n, "summary", nil)
		}
		if types := member(n, "type"); types != nil && types.Kind == yaml.SequenceNode {
			var kinds []string
			if err := types.Decode(&kinds); err != nil {
				t.Fatal(err)
			}
			rest := slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return kind == "null" })
			if len(rest) != 1 || len(kinds) != 2 {
				t.Fatalf("line %d: OpenAPI 3.0 has no type for %v", types.Line, kinds)
			}
			set(n, "type", &yaml.Node{Kind: yaml.ScalarNode, Value: rest[0]})
			set(n, "nullable", &yaml.Node{Kind: yaml.ScalarNode, Value: "true"})
		}
	}
	for i, child := range n.Content {
		name := at
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			name = n.Content[i-1].Value
		}
		downgrade(t, child, name)
	}
}

func member(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// set gives a mapping a member, or takes it away where the value is nil.
func set(n *yaml.Node, name string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			if value == nil {
				n.Content = slices.Delete(n.Content, i, i+2)
			} else {
				n.Content[i+1] = value
			}
			return
		}
	}
	if value != nil {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
	}
}

// Generators make one type of each component and of each operation: no two of them have
// one name, in whatever case. None sends what was not given: no request has a default.
// None refuses an answer for what it does not know: no answer has an enum, and none is
// closed.
func TestGeneratorsCanReadTheContract(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]string{}
	take := func(kind, name string) {
		if other, ok := taken[strings.ToLower(name)]; ok {
			t.Errorf("%s %s has the name of %s", kind, name, other)
		}
		taken[strings.ToLower(name)] = kind + " " + name
	}
	c := doc.Components
	for name := range c.Schemas {
		take("the schema", name)
	}
	for name := range c.Responses {
		take("the response", name)
	}
	for name := range c.Parameters {
		take("the parameter", name)
	}
	for name := range c.SecuritySchemes {
		take("the security scheme", name)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			take("the operation", op.OperationID)
			if op.Security == nil {
				t.Errorf("%s %s does not say who may call it", method, path)
			}
			for status, answer := range op.Responses.Map() {
				for _, kind := range answer.Value.Content {
					open(t, fmt.Sprint(op.OperationID, " ", status), kind.Schema.Value, map[*openapi3.Schema]bool{})
				}
			}
		}
	}
	if bytes.Contains(docs.OpenAPI, []byte("default:")) {
		t.Error("there is a default, which a generated client would send")
	}
	if kind := c.Schemas["Credentials"].Value.Properties["LoginFields"].Value.Type; !kind.Is(openapi3.TypeString) {
		t.Errorf("LoginFields is %v", kind)
	}
}

// open checks that an answer's schema refuses nothing that a service may add.
func open(t *testing.T, at string, s *openapi3.Schema, seen map[*openapi3.Schema]bool) {
	t.Helper()
	if seen[s] {
		return
	}
	seen[s] = true
	if s.Enum != nil || s.Const != nil || s.Pattern != "" || s.Min != nil || s.Max != nil || s.MaxItems != nil ||
		s.MinItems > 0 ||
		s.AdditionalProperties.Has != nil {
		t.Errorf("%s is closed", at)
	}
	for name, inner := range s.Properties {
		open(t, at+"/"+name, inner.Value, seen)
	}
	if s.Items != nil {
		open(t, at+"/*", s.Items.Value, seen)
	}
}
