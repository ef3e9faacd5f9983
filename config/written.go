package config

// This file says a route in as few keys as possible.

import (
	"bytes"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// saidElsewhere are keys that Written leaves out, or treats by themselves.
var saidElsewhere = []string{"prefix", "schema", "publish", "subscribe", "kinds"}

// Written returns, as YAML, the keys of a route whose values are not the defaults; "" if there are none. It leaves out
// prefix, schema, publish and subscribe. The route must have been loaded.
func (r *Route) Written() (string, error) {
	defaults := NewRoute(r.Prefix)
	if r.hasHistory() {
		defaults.Policy.OnGap = OnGapNotify
	}
	keys := otherKeys(render(reflect.ValueOf(*r)), render(reflect.ValueOf(defaults)))
	for i := len(keys.Content) - 2; i >= 0; i -= 2 {
		if slices.Contains(saidElsewhere, keys.Content[i].Value) {
			keys.Content = slices.Delete(keys.Content, i, i+2)
		}
	}
	if len(r.Kinds) > 0 {
		kinds := &yaml.Node{Kind: yaml.MappingNode}
		route := render(reflect.ValueOf(r.Policy))
		for _, name := range r.kindNames() {
			own := otherKeys(render(reflect.ValueOf(r.Kinds[name])), route)
			kinds.Content = append(kinds.Content, textScalar(name), own)
		}
		keys.Content = append(keys.Content, textScalar("kinds"), kinds)
	}
	if len(keys.Content) == 0 {
		return "", nil
	}
	return blockText(keys)
}

// otherKeys returns the keys of a mapping whose values another one does not have.
func otherKeys(n, other *yaml.Node) *yaml.Node {
	found := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(n.Content); i += 2 {
		if key, value := n.Content[i], n.Content[i+1]; !has(other, key.Value, value) {
			found.Content = append(found.Content, key, value)
		}
	}
	return found
}

func has(n *yaml.Node, key string, value *yaml.Node) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return reflect.DeepEqual(n.Content[i+1], value)
		}
	}
	return false
}

// blockText is a mapping on lines of its own.
func blockText(n *yaml.Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}
