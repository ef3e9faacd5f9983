// This file checks a YAML tree against the types of the configuration: unknown
// keys and wrong types, each with the place it was written.

package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// checker walks a tree once. A node reached again through an alias is not
// checked again, so the cost is that of the text, and a loop ends.
type checker struct {
	origin  func(*yaml.Node) string
	seen    map[visit]bool
	sources map[string]string // key path -> origin, of everything met
	errs    []error
}

// visit is a node seen as a type.
type visit struct {
	node *yaml.Node
	typ  reflect.Type
}

func newChecker(origin func(*yaml.Node) string) *checker {
	return &checker{origin: origin, seen: map[visit]bool{}, sources: map[string]string{}}
}

// check reports what keeps n from being a value of type t at path.
func (c *checker) check(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c.sources[path] = c.origin(n)
	if c.seen[visit{n, t}] {
		return
	}
	c.seen[visit{n, t}] = true
	switch t.Kind() {
	case reflect.Pointer:
		c.check(n, t.Elem(), path)
	case reflect.Struct:
		c.checkStruct(n, t, path)
	case reflect.Map:
		c.checkMap(n, t, path)
	case reflect.Slice:
		c.checkList(n, t, path)
	default:
		c.checkScalar(n, t, path)
	}
}

// checkOptional is check for the value of a key, which may be left empty.
func (c *checker) checkOptional(n *yaml.Node, t reflect.Type, path string) {
	if isNull(n) || n.Kind == yaml.AliasNode && isNull(n.Alias) {
		c.sources[path] = c.origin(n)
		return
	}
	c.check(n, t, path)
}

func (c *checker) checkStruct(n *yaml.Node, t reflect.Type, path string) {
	types := map[string]reflect.Type{}
	var names []string
	for _, f := range fieldsOf(t) {
		types[f.name] = f.typ
		names = append(names, f.name)
	}
	c.eachKey(n, t, path, func(key, value *yaml.Node) {
		typ, ok := types[key.Value]
		if !ok {
			c.unknown(key, path, names)
			return
		}
		c.checkOptional(value, typ, join(path, key.Value))
	})
}

func (c *checker) checkMap(n *yaml.Node, t reflect.Type, path string) {
	c.eachKey(n, t, path, func(key, value *yaml.Node) {
		if tag := key.ShortTag(); tag != "!!str" {
			c.wrong(key, path, "names in text", "a name that is "+found(key)+"; put it in quotes")
			return
		}
		c.checkOptional(value, t.Elem(), join(path, key.Value))
	})
}

// eachKey calls f for the keys of a mapping; merged mappings ("<<") are checked
// as the type of the one they are merged into.
func (c *checker) eachKey(n *yaml.Node, t reflect.Type, path string, f func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		c.wrong(n, path, expected(t), shape(n))
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			c.wrong(key, path, "a plain key", found(key))
		case key.ShortTag() == "!!merge":
			c.checkMerge(value, t, path)
		default:
			f(key, value)
		}
	}
}

func (c *checker) checkMerge(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.SequenceNode {
		c.check(n, t, path)
		return
	}
	for _, one := range n.Content {
		c.check(one, t, path)
	}
}

func (c *checker) checkList(n *yaml.Node, t reflect.Type, path string) {
	if n.Kind != yaml.SequenceNode {
		c.wrong(n, path, expected(t), shape(n))
		return
	}
	for i, one := range n.Content {
		c.check(one, t.Elem(), item(path, i))
	}
}

func (c *checker) checkScalar(n *yaml.Node, t reflect.Type, path string) {
	switch {
	case n.Kind == yaml.ScalarNode && fits(n, t):
	case t.Kind() == reflect.String:
		what := shape(n)
		if n.Kind == yaml.ScalarNode {
			what += "; put it in quotes"
		}
		c.wrong(n, path, expected(t), what)
	default:
		c.wrong(n, path, expected(t), found(n))
	}
}

// fits reports whether a scalar reads as a value of type t.
func fits(n *yaml.Node, t reflect.Type) bool {
	tag, value := n.ShortTag(), reflect.New(t)
	switch {
	case t == durationType && tag == "!!str":
		_, err := time.ParseDuration(n.Value)
		return err == nil
	case t == durationType:
		return tag == "!!int" && n.Value == "0"
	case t == sizeType && tag == "!!str":
		_, err := ParseSize(n.Value)
		return err == nil
	case t.Kind() == reflect.String:
		return tag == "!!str"
	case t.Kind() == reflect.Bool:
		return tag == "!!bool" && n.Decode(value.Interface()) == nil
	case t.Kind() == reflect.Float64:
		return (tag == "!!float" || tag == "!!int") && n.Decode(value.Interface()) == nil
	case t == sizeType: // as a plain number, not as text
		value = reflect.New(reflect.TypeFor[int64]())
	}
	return tag == "!!int" && n.Decode(value.Interface()) == nil
}

func (c *checker) unknown(key *yaml.Node, path string, known []string) {
	hint := "known here: " + strings.Join(known, ", ")
	if near, ok := Nearest(key.Value, known); ok {
		hint = "did you mean " + near + "?"
	}
	if !strings.Contains(key.Value, "://") { // else a URL without its key, which may hold a password
		path = join(path, key.Value)
	}
	c.errs = append(c.errs, &KeyError{
		Origin: c.origin(key), Path: path, Err: ErrUnknownKey,
		Reason: "unknown key; " + hint,
	})
}

func (c *checker) wrong(n *yaml.Node, path, want, got string) {
	c.errs = append(c.errs, &KeyError{
		Origin: c.origin(n), Path: path, Err: ErrType,
		Reason: fmt.Sprintf("expected %s, found %s", want, got),
	})
}

// expected words a type for people.
func expected(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 30s"
	case t == sizeType:
		return "a size such as 8MiB"
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "a mapping"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	case reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint32(1<<32-1))
	default:
		return "a whole number"
	}
}

// found words what a node is, with the value of a scalar.
func found(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		return shape(n)
	}
	return fmt.Sprintf("%s %.40q", shape(n), n.Value)
}

// shape is found without the value, which may be a misplaced secret, such as a URL
// behind "redis:".
func shape(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	words := map[string]string{
		"!!str": "text", "!!int": "the whole number", "!!float": "the number",
		"!!bool": "the truth value", "!!null": "nothing", "!!timestamp": "the date", "!!merge": "a merge",
	}
	if word, ok := words[n.ShortTag()]; ok {
		return word
	}
	return "a value tagged " + n.ShortTag()
}
