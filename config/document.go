package config

// This file reads YAML text into nodes, which know their lines, and refuses
// what could not be read safely or meant two things.

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Bounds on what is read. The YAML library looks for duplicate keys in
// quadratic time, so a mapping must not be huge.
const (
	maxFile  = 1 << 20 // bytes
	maxKeys  = 10_000  // in one mapping
	maxNodes = 100_000 // values in one document, those behind aliases counted each time
)

// place names where a line was written; line 0 is not known.
type place func(line int) string

// inFile is a place in a file.
func inFile(name string) place {
	return func(line int) string {
		if line == 0 {
			return name
		}
		return fmt.Sprintf("%s:%d", name, line)
	}
}

// in is the only place of a variable or a flag, which mostly has one line.
func in(origin string) place { return func(int) string { return origin } }

// parse reads one YAML document. It returns nil for an empty one.
func parse(at place, text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // an empty document is nothing, and no error
	case err != nil:
		return nil, syntaxError(at, text, err)
	}
	switch err := dec.Decode(&next); {
	case err == nil:
		return nil, &KeyError{
			Origin: at(next.Line), Err: ErrSyntax,
			Reason: "a second document begins here; put everything into one, without ---",
		}
	case !errors.Is(err, io.EOF):
		return nil, syntaxError(at, text, err)
	}
	root := doc.Content[0]
	if isNull(root) {
		return nil, nil //nolint:nilnil // as above: only comments, or "null"
	}
	errs := scan(at, root)
	if expanded(root, map[*yaml.Node]int{}) > maxNodes {
		errs = append(errs, &KeyError{
			Origin: at(0), Err: ErrTooLarge,
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

// scan finds duplicate keys and huge mappings anywhere below n. It does not
// follow aliases, so its cost is that of the text.
func scan(at place, n *yaml.Node) []error {
	var errs []error
	if n.Kind == yaml.MappingNode {
		errs = scanKeys(at, n)
	}
	for _, inner := range n.Content {
		errs = append(errs, scan(at, inner)...)
	}
	return errs
}

func scanKeys(at place, n *yaml.Node) []error {
	if len(n.Content)/2 > maxKeys {
		return []error{&KeyError{
			Origin: at(n.Line), Err: ErrTooLarge,
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
				Origin: at(key.Line), Err: ErrSyntax,
				Reason: fmt.Sprintf("duplicate key %q, already set on line %d; remove one", key.Value, line),
			})
			continue
		}
		first[key.Value] = key.Line
	}
	return errs
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
