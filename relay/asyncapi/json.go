package asyncapi

// Reading and writing trees as JSON.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"

	"go.yaml.in/yaml/v3"
)

// jsonReader makes a tree of JSON.
type jsonReader struct {
	dec  *json.Decoder
	ends []int // the offset of each end of a line
	room int
}

// parseJSON reads valid JSON.
func parseJSON(data []byte) (*yaml.Node, error) {
	r := &jsonReader{dec: json.NewDecoder(bytes.NewReader(data)), room: maxNodes}
	r.dec.UseNumber()
	for i, c := range data {
		if c == '\n' {
			r.ends = append(r.ends, i)
		}
	}
	return r.value()
}

func (r *jsonReader) value() (*yaml.Node, error) {
	token, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	line := 1 + sort.SearchInts(r.ends, int(r.dec.InputOffset())-1)
	if r.room--; r.room < 0 {
		return nil, fmt.Errorf("line %d: more than %d values", line, maxNodes)
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: line}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		} else {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		return n, r.content(n)
	case string:
		n.Tag, n.Value = "!!str", v
	case json.Number:
		n.Tag, n.Value = numberTag(v.String()), v.String()
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(v)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	default:
		return nil, errors.New("it is no JSON")
	}
	return n, nil
}

// content reads what is in an array or object.
func (r *jsonReader) content(n *yaml.Node) error {
	known := map[string]bool{}
	for i := 0; r.dec.More(); i++ {
		inner, err := r.value()
		if err != nil {
			return err
		}
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if known[inner.Value] {
				return fmt.Errorf("line %d: the key %q is there twice; remove one", inner.Line, inner.Value)
			}
			known[inner.Value] = true
		}
		n.Content = append(n.Content, inner)
	}
	_, err := r.dec.Token()
	return err
}

func numberTag(number string) string {
	if bytes.ContainsAny([]byte(number), ".eE") {
		return "!!float"
	}
	return "!!int"
}

// appendJSON appends a tree as JSON, its lines after the first indented. What is short stays on one line.
func appendJSON(b []byte, n *yaml.Node, indent string) []byte {
	if n.Kind == yaml.ScalarNode {
		return appendScalar(b, n)
	}
	if line := appendItems(nil, n, "", ""); len(line) <= shortLine && indent != "" {
		return append(b, line...)
	}
	return appendItems(b, n, "\n"+indent+"  ", "\n"+indent)
}

func appendScalar(b []byte, n *yaml.Node) []byte {
	if n.Tag == "!!str" {
		return append(b, quoted(n.Value)...)
	}
	return append(b, n.Value...)
}

// shortLine is how long a mapping or list on one line may be, in bytes.
const shortLine = 80

// appendItems appends the members or items of a mapping or list, each after a separator, and the brackets around them.
// Without separators all is on one line, together with b. The line is of no use if it is longer than shortLine, so it
// ends soon after that many bytes. Otherwise each level of a deep tree would write all levels below it.
func appendItems(b []byte, n *yaml.Node, before, after string) []byte {
	brackets, step := "[]", 1
	if n.Kind == yaml.MappingNode {
		brackets, step = "{}", 2
	}
	if len(n.Content) == 0 {
		return append(b, brackets...)
	}
	b = append(b, brackets[0])
	for i := 0; i < len(n.Content) && (before != "" || len(b) <= shortLine); i += step {
		switch {
		case i > 0 && before == "":
			b = append(b, ", "...)
		case i > 0:
			b = append(b, ',')
		}
		b = append(b, before...)
		if step == 2 {
			b = append(append(b, quoted(n.Content[i].Value)...), ": "...)
		}
		b = appendValue(b, n.Content[i+step-1], before)
	}
	return append(append(b, after...), brackets[1])
}

func appendValue(b []byte, n *yaml.Node, before string) []byte {
	switch {
	case before != "":
		return appendJSON(b, n, before[1:])
	case n.Kind == yaml.ScalarNode:
		return appendScalar(b, n)
	}
	return appendItems(b, n, "", "")
}

func quoted(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // of texts it does not fail
	return bytes.TrimSpace(b.Bytes())
}
