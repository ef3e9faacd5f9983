package asyncapi

// Trees: documents with the order of their keys, and the lines on which they were written.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/relay/schema/drafts"
)

// maxNodes is how many values a document may have, those behind aliases counted each time.
const maxNodes = 500_000

// pair is a key of a mapping with its value. A nil value is left out.
type pair struct {
	key   string
	value *yaml.Node
}

func mapping(pairs ...pair) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, p := range pairs {
		if p.value != nil {
			set(n, p.key, p.value)
		}
	}
	return n
}

func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: items}
}

func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if s == "<<" { // the one case that the encoder overlooks
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// someText is text, and nil for none.
func someText(s string) *yaml.Node {
	if s == "" {
		return nil
	}
	return text(s)
}

// someMapping is a mapping, and nil if it has no keys.
func someMapping(n *yaml.Node) *yaml.Node {
	if n == nil || len(n.Content) == 0 {
		return nil
	}
	return n
}

func refTo(pointer string) *yaml.Node { return mapping(pair{"$ref", text(pointer)}) }

// get returns the value of a key, nil if n is no mapping or has no such key.
func get(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set replaces the value of a key, or appends the key.
func set(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, text(key), value)
}

func remove(n *yaml.Node, key string) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = append(n.Content[:i:i], n.Content[i+2:]...)
			return
		}
	}
}

// textOf returns a value that is a text, and "" for others.
func textOf(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		return ""
	}
	return n.Value
}

// pairs lists the keys of a mapping with their values; none for others.
func pairs(n *yaml.Node) (found []pair) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		found = append(found, pair{n.Content[i].Value, n.Content[i+1]})
	}
	return found
}

// items lists what is in a list; none for others.
func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// at returns what stands at a JSON pointer, nil if nothing does.
func at(n *yaml.Node, pointer string) *yaml.Node {
	if pointer == "" {
		return n
	}
	if pointer[0] != '/' {
		return nil
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = drafts.UnescapeToken(token)
		if n != nil && n.Kind == yaml.SequenceNode {
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(n.Content) {
				return nil
			}
			n = n.Content[i]
			continue
		}
		n = get(n, token)
	}
	return n
}

// clone copies a tree.
func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, inner := range n.Content {
		c.Content[i] = clone(inner)
	}
	return &c
}

// parse reads YAML or JSON.
func parse(data []byte) (*yaml.Node, error) {
	if json.Valid(data) {
		return parseJSON(data)
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	room := maxNodes
	return plain(doc.Content[0], &room)
}

// plain returns a tree without aliases and merged keys, whose scalars are those of JSON.
func plain(n *yaml.Node, room *int) (*yaml.Node, error) {
	if *room--; *room < 0 {
		return nil, fmt.Errorf("line %d: more than %d values with all aliases expanded, or an alias inside itself",
			n.Line, maxNodes)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias, room)
	case yaml.ScalarNode:
		return scalar(n)
	case yaml.SequenceNode:
		c := &yaml.Node{Kind: n.Kind, Tag: "!!seq", Line: n.Line}
		for _, inner := range n.Content {
			value, err := plain(inner, room)
			if err != nil {
				return nil, err
			}
			c.Content = append(c.Content, value)
		}
		return c, nil
	}
	return plainMapping(n, room)
}

func plainMapping(n *yaml.Node, room *int) (*yaml.Node, error) {
	c := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line}
	own, merged := map[string]bool{}, []*yaml.Node(nil)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		value, err := plain(n.Content[i+1], room)
		switch {
		case err != nil:
			return nil, err
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: a key must be a text", key.Line)
		case own[key.Value]:
			return nil, fmt.Errorf("line %d: the key %q is there twice; remove one", key.Line, key.Value)
		}
		own[key.Value] = true
		name := text(key.Value)
		name.Line = key.Line
		c.Content = append(c.Content, name, value)
	}
	for _, m := range merged {
		for _, from := range append(items(m), m) {
			for _, p := range pairs(from) {
				if !own[p.key] {
					own[p.key] = true
					c.Content = append(c.Content, text(p.key), p.value)
				}
			}
		}
	}
	return c, nil
}

// scalar returns a scalar as JSON has it: what JSON does not know becomes a text, or a number in decimals.
func scalar(n *yaml.Node) (*yaml.Node, error) {
	c := &yaml.Node{Kind: yaml.ScalarNode, Tag: n.ShortTag(), Value: n.Value, Line: n.Line}
	switch c.Tag {
	case "!!str", "!!timestamp", "!!binary":
		c.Tag = "!!str"
	case "!!null":
		c.Value = "null"
	case "!!bool":
		c.Value = strings.ToLower(n.Value)
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			break
		}
		var value any
		if err := n.Decode(&value); err != nil {
			return nil, fmt.Errorf("line %d: %q is no number", n.Line, n.Value)
		}
		decimal, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("line %d: JSON has no %s", n.Line, n.Value)
		}
		c.Value = string(decimal)
	default:
		return nil, fmt.Errorf("line %d: the tag %s is not known", n.Line, n.Tag)
	}
	return c, nil
}

func boolean(b bool) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(b)}
}

// writeYAML writes a tree.
func writeYAML(w io.Writer, n *yaml.Node) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return err
	}
	return enc.Close()
}
