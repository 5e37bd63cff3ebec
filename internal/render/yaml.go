package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/telematicsctl/telematicsctl/internal/lazyregexp"
	"github.com/telematicsctl/telematicsctl/internal/sanitize"
)

// toYAML is the YAML of a JSON text: the same names in the same order, numbers as they
// were spelled, and every string a string for readers of YAML 1.1 and 1.2 alike.
func toYAML(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return nil, err
	}
	return yamlText(node)
}

func yamlText(node *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(sanitize.CleanJSON(&b)) // its escapes are YAML's too, within the quotes that yamlString sets
	e.SetIndent(2)
	if err := e.Encode(node); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// yamlNode reads the next value of a decoder that uses json.Number.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.SequenceNode}
		if v == '{' {
			node.Kind = yaml.MappingNode
		}
		for d.More() { // a mapping's content is key, value, key, value
			item, err := yamlNode(d)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, item)
		}
		if len(node.Content) == 0 {
			node.Style = yaml.FlowStyle
		}
		_, err = d.Token() // the closing bracket
		return node, err
	case string:
		return yamlString(v), nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	default: // json.Number, bool
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}, nil
	}
}

// sexagesimal is what YAML 1.1 takes for a number to the base of 60.
var sexagesimal = lazyregexp.New(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)

// yamlString is a string that stays one. The encoder quotes what YAML 1.2 would read as
// something else; here are added what only YAML 1.1 would, and the control characters,
// which are escaped and therefore need the quotes.
func yamlString(s string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch strings.ToLower(s) {
	case "y", "yes", "on", "n", "no", "off", "=":
		node.Style = yaml.DoubleQuotedStyle
	}
	if sexagesimal.MatchString(s) || strings.ContainsFunc(s, sanitize.IsControl) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}

// yamlFrame writes a list that grows, each element at once.
type yamlFrame struct {
	key   string // "" for a bare list
	begun bool   // an element was written
}

func (f *yamlFrame) begin(head []member) ([]byte, error) {
	if f.key == "" {
		return nil, nil
	}
	return yamlMembers(head)
}

func (f *yamlFrame) element(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return nil, err
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{node}}
	if f.key != "" {
		list = f.mapping(list)
	}
	out, err := yamlText(list)
	if err != nil {
		return nil, err
	}
	if f.key != "" && f.begun {
		_, out, _ = bytes.Cut(out, []byte("\n")) // the key stands there already
	}
	f.begun = true
	return out, nil
}

func (f *yamlFrame) mapping(value *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{yamlString(f.key), value}}
}

func (f *yamlFrame) end(tail []member) ([]byte, error) {
	var out []byte
	if !f.begun {
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		if f.key != "" {
			list = f.mapping(list)
		}
		var err error
		if out, err = yamlText(list); err != nil {
			return nil, err
		}
	}
	if f.key == "" {
		return out, nil
	}
	rest, err := yamlMembers(tail)
	return append(out, rest...), err
}

func yamlMembers(list []member) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(m.key)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return toYAML(b.Bytes())
}
