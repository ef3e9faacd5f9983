package config

// The words of strict decoding: what was expected, and what was found.

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// keysBelow is the way out where something else stands for a mapping.
func keysBelow(n *yaml.Node, t reflect.Type) string {
	example := examples[t]
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" && example != "":
		return "; write keys below it, each with a space behind its colon, or all in a line, as in " + example
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
		return "; write keys below it, each with a space behind its colon"
	case example != "":
		return "; write it as in " + example
	}
	return ""
}

// itemsBelow is the way out where something else stands for a list.
func itemsBelow(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "; begin each item with a dash and a space"
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
		return "; write the items in [ ], or each on a line of its own, behind a dash and a space"
	}
	return ""
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
