// This file reads YAML text into nodes, which know their lines, and refuses
// what could not be read safely or meant two things.

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on what is read. The YAML library looks for duplicate keys in
// quadratic time, so a mapping must not be huge.
const (
	maxFile  = 1 << 20 // bytes
	maxKeys  = 10_000  // in one mapping
	maxNodes = 100_000 // values in one document, those behind aliases counted each time
)

// parse reads one YAML document. It returns nil for an empty one. The errors
// carry origin and, where the library knows it, the line.
func parse(origin string, text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // an empty document is nothing, and no error
	case err != nil:
		return nil, syntaxError(origin, err)
	}
	switch err := dec.Decode(&next); {
	case err == nil:
		return nil, &KeyError{
			Origin: lineOf(origin, &next), Err: ErrSyntax,
			Reason: "a second document begins here; put everything into one, without ---",
		}
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(origin, err)
	}
	root := doc.Content[0]
	if isNull(root) {
		return nil, nil //nolint:nilnil // as above: only comments, or "null"
	}
	errs := scan(origin, root)
	if expanded(root, map[*yaml.Node]int{}) > maxNodes {
		errs = append(errs, &KeyError{
			Origin: origin, Err: ErrTooLarge,
			Reason: fmt.Sprintf("more than %d values with all aliases expanded, or an alias inside itself", maxNodes),
		})
	}
	return root, errors.Join(errs...)
}

// expanded counts the nodes that n stands for, up to a little over maxNodes.
// Each node is counted once and remembered; one inside itself has no end.
func expanded(n *yaml.Node, known map[*yaml.Node]int) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if total, ok := known[n]; ok {
		return total
	}
	known[n] = maxNodes + 1 // until it is counted
	total := 1
	for _, inner := range n.Content {
		total = min(total+expanded(inner, known), maxNodes+1)
	}
	known[n] = total
	return total
}

// yamlLine finds the line in an error of the library.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func syntaxError(origin string, err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if m[1] != "" {
			origin += ":" + m[1]
		}
	}
	if strings.Contains(text, "cannot start any token") {
		text += "; indent with spaces, not with tabs, and put what begins with @ or ` in quotes"
	}
	return &KeyError{Origin: origin, Reason: text, Err: ErrSyntax}
}

// scan finds duplicate keys and huge mappings anywhere below n. It does not
// follow aliases, so its cost is that of the text.
func scan(origin string, n *yaml.Node) []error {
	var errs []error
	if n.Kind == yaml.MappingNode {
		errs = scanKeys(origin, n)
	}
	for _, inner := range n.Content {
		errs = append(errs, scan(origin, inner)...)
	}
	return errs
}

func scanKeys(origin string, n *yaml.Node) []error {
	if len(n.Content)/2 > maxKeys {
		return []error{&KeyError{
			Origin: lineOf(origin, n), Err: ErrTooLarge,
			Reason: fmt.Sprintf("more than %d keys in one mapping", maxKeys),
		}}
	}
	var errs []error
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			continue // the strict check refuses it
		}
		if line, ok := first[key.Value]; ok {
			errs = append(errs, &KeyError{
				Origin: lineOf(origin, key), Err: ErrSyntax,
				Reason: fmt.Sprintf("duplicate key %q, already set on line %d; remove one", key.Value, line),
			})
			continue
		}
		first[key.Value] = key.Line
	}
	return errs
}

// lineOf names the place of a node in a file.
func lineOf(origin string, n *yaml.Node) string { return fmt.Sprintf("%s:%d", origin, n.Line) }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
