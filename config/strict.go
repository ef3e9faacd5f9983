package config

// This file checks a YAML tree against the types of the configuration: unknown
// keys and wrong types, each with the place it was written. They are taken out of the
// tree, so that the rest of it can be judged.

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// checker walks a tree once. A node reached again through an alias is not
// checked again, so the cost is that of the text, and a loop ends.
type checker struct {
	at      place
	seen    map[visit]bool    // whether it was usable
	sources map[string]string // key path -> origin, of everything met
	errs    []error
}

// visit is a node seen as a type.
type visit struct {
	node *yaml.Node
	typ  reflect.Type
}

func newChecker(at place) *checker {
	return &checker{at: at, seen: map[visit]bool{}, sources: map[string]string{}}
}

// check reports what keeps n from being a value of type t at path, and tells whether
// what is left of it is one.
func (c *checker) check(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c.sources[path] = c.at(n.Line)
	if known, ok := c.seen[visit{n, t}]; ok {
		return known
	}
	c.seen[visit{n, t}] = false // of a loop, until it is known
	switch t.Kind() {
	case reflect.Pointer:
		usable = c.check(n, t.Elem(), path)
	case reflect.Struct:
		usable = c.checkStruct(n, t, path)
	case reflect.Map:
		usable = c.checkMap(n, t, path)
	case reflect.Slice:
		usable = c.checkList(n, t, path)
	default:
		usable = c.checkScalar(n, t, path)
	}
	c.seen[visit{n, t}] = usable
	return usable
}

// checkOptional is check for the value of a key, which may be left empty.
func (c *checker) checkOptional(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	if isNull(n) || n.Kind == yaml.AliasNode && isNull(n.Alias) {
		c.sources[path] = c.at(n.Line)
		return true
	}
	return c.check(n, t, path)
}

func (c *checker) checkStruct(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	known := map[string]field{}
	var names []string
	for _, f := range fieldsOf(t) {
		known[f.name] = f
		names = append(names, f.name)
	}
	section := "" // the key before this one
	return c.eachKey(n, t, path, func(key, value *yaml.Node) bool {
		f, ok := known[key.Value]
		if !ok {
			c.unknown(key, path, section, names)
			return false
		}
		section = join(path, key.Value)
		if f.more != nil && value.Kind == yaml.SequenceNode {
			return c.checkFilled(value, reflect.SliceOf(f.typ), section)
		}
		return c.checkOptional(value, longForm(value, f.typ), section)
	})
}

func (c *checker) checkMap(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	return c.eachKey(n, t, path, func(key, value *yaml.Node) bool {
		if tag := key.ShortTag(); tag != "!!str" {
			c.wrong(key, path, "names in text", "a name that is "+found(key)+"; put it in quotes")
			return false
		}
		return c.checkOptional(value, t.Elem(), join(path, key.Value))
	})
}

// eachKey calls f for the keys of a mapping, and takes those out of it that f says are
// not usable; merged mappings ("<<") are checked as the type of the one they are merged
// into.
func (c *checker) eachKey(n *yaml.Node, t reflect.Type, path string, f func(key, value *yaml.Node) bool) (usable bool) {
	if n.Kind != yaml.MappingNode {
		c.wrong(n, path, expected(t), shape(n)+keysBelow(n, t))
		return false
	}
	var kept []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		key, value, keep := n.Content[i], n.Content[i+1], false
		switch {
		case key.Kind != yaml.ScalarNode:
			c.wrong(key, path, "a plain key", found(key))
		case key.ShortTag() == "!!merge":
			keep = c.checkMerge(value, t, path)
		default:
			keep = f(key, value)
		}
		if keep {
			kept = append(kept, key, value)
		}
	}
	n.Content = kept
	return true
}

// examples are of mappings that people write as something else.
var examples = map[reflect.Type]string{
	reflect.TypeFor[History]():           "history: {length: 1000, ttl: 72h}",
	reflect.TypeFor[Mirror]():            "mirror: {upstream: eu, percent: 10}",
	reflect.TypeFor[Rate]():              "rate: {limit: 10, burst: 20}",
	reflect.TypeFor[DeadLetter]():        "too_large: {dead_letter: 'dead:chat'}",
	reflect.TypeFor[map[string]Policy](): "kinds: {typing: {slow: drop}}",
	reflect.TypeFor[Policy]():            "typing: {slow: drop}",
	reflect.TypeFor[Redis]():             "redis: {url: 'redis://host:6379'}",
	reflect.TypeFor[map[string]Redis]():  "upstreams: {eu: {url: 'redis://eu.internal:6379'}}",
	reflect.TypeFor[Sentinel]():          "sentinel: {password_file: sentinel.password}",
	reflect.TypeFor[TLS]():               "tls: {ca: ca.pem}",
	reflect.TypeFor[Socket]():            "socket: {path: /run/relay/relay.sock}",
	reflect.TypeFor[HTTP]():              "http: {listen: '127.0.0.1:9464'}",
	reflect.TypeFor[NATS]():              "nats: {listen: '127.0.0.1:4222'}",
	reflect.TypeFor[Leaf]():              "leaf: {url: 'tls://nats.internal:7422'}",
	reflect.TypeFor[Log]():               "log: {level: info}",
	reflect.TypeFor[Route]():             "prefix: 'chat:'",
}

func (c *checker) checkMerge(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	if n.Kind != yaml.SequenceNode {
		return c.check(n, t, path)
	}
	usable = true
	for _, one := range n.Content {
		usable = c.check(one, t, path) && usable
	}
	return usable
}

// checkList leaves each mapping in its place, since its number is part of what is said
// about it.
func (c *checker) checkList(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	if n.Kind != yaml.SequenceNode {
		c.wrong(n, path, expected(t), shape(n)+itemsBelow(n))
		return false
	}
	usable = true
	for i, one := range n.Content {
		switch {
		case c.check(one, t.Elem(), item(path, i)):
		case t.Elem().Kind() == reflect.Struct:
			n.Content[i] = &yaml.Node{Kind: yaml.MappingNode, Line: one.Line}
		default:
			usable = false
		}
	}
	return usable
}

// isEmptyText tells whether a node is a text without letters.
func isEmptyText(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.ShortTag() == "!!str"
}

// checkFilled is checkList for a list that must not be empty.
func (c *checker) checkFilled(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	if len(n.Content) == 0 {
		c.wrong(n, path, expected(t.Elem())+", or a list of them", "an empty list; take the key out")
		return false
	}
	c.sources[path] = c.at(n.Line)
	for i, one := range n.Content {
		if isEmptyText(one) {
			c.wrong(one, item(path, i), expected(t.Elem()), "an empty one; take it out of the list")
			return false
		}
	}
	return c.checkList(n, t, path)
}

func (c *checker) checkScalar(n *yaml.Node, t reflect.Type, path string) (usable bool) {
	switch {
	case n.Kind == yaml.ScalarNode && fits(n, t):
		return true
	case t.Kind() == reflect.String:
		what := shape(n)
		if n.Kind == yaml.ScalarNode {
			what += "; put it in quotes"
		}
		c.wrong(n, path, expected(t), what)
	default:
		c.wrong(n, path, expected(t), found(n))
	}
	return false
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

// unknown reports a key that the mapping at path does not have. section is the known key before it.
func (c *checker) unknown(key *yaml.Node, path, section string, known []string) {
	hint := "known here: " + strings.Join(known, ", ")
	if outside, ok := fallenOut(key.Value, section); ok {
		hint = "did you mean " + outside + "? indent it below " + around(outside) + ":"
	} else if near, ok := Nearest(key.Value, known); ok {
		hint = "did you mean " + near + "?"
	}
	if !strings.Contains(key.Value, "://") { // else a URL without its key, which may hold a password
		path = join(path, key.Value)
	}
	c.errs = append(c.errs, &KeyError{
		Origin: c.at(key.Line), Path: path, Err: ErrUnknownKey,
		Reason: "unknown key; " + hint,
	})
}

func (c *checker) wrong(n *yaml.Node, path, want, got string) {
	c.errs = append(c.errs, &KeyError{
		Origin: c.at(n.Line), Path: path, Err: ErrType,
		Reason: fmt.Sprintf("expected %s, found %s", want, got),
	})
}

// fallenOut returns the key of the section before it that a key was meant to be, if its indentation were right.
func fallenOut(key, section string) (path string, ok bool) {
	path = section + "." + key
	return path, section != "" && slices.ContainsFunc(leaves, func(f field) bool { return f.name == path })
}
