package schema

// This file resolves $dynamicRef and $recursiveRef before a schema is compiled: it copies what they can be reached
// from, once for each way to look them up, as schemas with a $ref.

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// maxScoped is the number of copies that a schema may need.
const maxScoped = 1 << 14

// resolveDynamic returns a schema that accepts the same without $dynamicRef and $recursiveRef. If that is not
// possible, it returns nil, and the schema that prevents it, and why.
func resolveDynamic(s *jsonschema.Schema) (resolved, prevents *jsonschema.Schema, limit string) {
	r := &resolver{
		dynamic: dynamicSchemas(s), copies: make(map[scoped]*jsonschema.Schema), numbers: make(map[*jsonschema.Schema]int),
	}
	resolved = r.resolve(s, lookup{})
	switch {
	case r.ambiguous != nil:
		return nil, r.ambiguous, "may lead to several schemas of one file"
	case len(r.copies) > maxScoped:
		return nil, s, fmt.Sprintf("needs more than %d copies of schemas", maxScoped)
	}
	return resolved, nil, ""
}

// resolver copies schemas.
type resolver struct {
	dynamic map[*jsonschema.Schema]bool // lead to a dynamic reference
	copies  map[scoped]*jsonschema.Schema
	numbers map[*jsonschema.Schema]int

	ambiguous *jsonschema.Schema // has a $dynamicRef that cannot be resolved
}

// scoped is a schema with a lookup, which is written as text.
type scoped struct {
	schema *jsonschema.Schema
	lookup string
}

// lookup is what the schemas on the way to a schema say about the targets of references.
type lookup struct {
	recursive *jsonschema.Schema // the outermost with a $recursiveAnchor; nil: there is none
	anchors   map[string]anchored
}

// anchored are schemas with one $dynamicAnchor. A $dynamicRef leads to the outermost that is not its own first
// target.
type anchored struct {
	first, second []*jsonschema.Schema // those of the outermost schema that has any, and of the next that has others
}

// enter returns the lookup within a schema.
func (l lookup) enter(s *jsonschema.Schema) lookup {
	if l.recursive == nil && s.RecursiveAnchor {
		l.recursive = s
	}
	own := make(map[string][]*jsonschema.Schema)
	for _, inside := range dynamicAnchors(s) {
		own[inside.DynamicAnchor] = append(own[inside.DynamicAnchor], inside)
	}
	if len(own) == 0 {
		return l
	}
	anchors := make(map[string]anchored)
	maps.Copy(anchors, l.anchors)
	for name, schemas := range own {
		a := anchors[name]
		if a.first == nil {
			a.first = schemas
		} else if a.second == nil {
			a.second = without(schemas, a.first)
		}
		anchors[name] = a
	}
	l.anchors = anchors
	return l
}

// without returns the schemas that are not among others, nil if there are none.
func without(schemas, others []*jsonschema.Schema) (left []*jsonschema.Schema) {
	for _, s := range schemas {
		if !slices.Contains(others, s) {
			left = append(left, s)
		}
	}
	return left
}

// resolve returns a schema for use with a lookup.
func (r *resolver) resolve(s *jsonschema.Schema, outer lookup) *jsonschema.Schema {
	if !r.dynamic[s] || len(r.copies) > maxScoped {
		return s
	}
	inner := outer.enter(s)
	key := scoped{s, r.text(inner)}
	if done := r.copies[key]; done != nil {
		return done
	}
	resolved := *s
	r.copies[key] = &resolved
	resolved.RecursiveRef, resolved.DynamicRef, resolved.Then, resolved.Else = nil, nil, nil, nil
	eachSchema(&resolved, func(sub *jsonschema.Schema) *jsonschema.Schema { return r.resolve(sub, inner) })
	// As in the library, then and else forget the dynamic anchors.
	after := lookup{recursive: inner.recursive}
	resolved.Then, resolved.Else = r.resolve(s.Then, after), r.resolve(s.Else, after)
	for _, target := range []*jsonschema.Schema{inner.recursiveTarget(s), r.dynamicTarget(s, inner)} {
		switch {
		case target == nil:
		case resolved.Ref == nil:
			resolved.Ref = r.resolve(target, inner)
		default:
			resolved.AllOf = append(slices.Clip(resolved.AllOf), r.resolve(target, inner))
		}
	}
	return &resolved
}

// text writes a lookup.
func (r *resolver) text(l lookup) string {
	var text []byte
	write := func(schemas ...*jsonschema.Schema) {
		for _, s := range schemas {
			if _, ok := r.numbers[s]; !ok {
				r.numbers[s] = len(r.numbers)
			}
			text = strconv.AppendInt(append(text, ' '), int64(r.numbers[s]), 10)
		}
	}
	write(l.recursive)
	for _, name := range slices.Sorted(maps.Keys(l.anchors)) {
		a := l.anchors[name]
		text = append(append(text, '#'), name...)
		write(a.first...)
		text = append(text, ',')
		write(a.second...)
	}
	return string(text)
}

// recursiveTarget returns the schema that a schema's $recursiveRef leads to.
func (l lookup) recursiveTarget(s *jsonschema.Schema) *jsonschema.Schema {
	target := s.RecursiveRef
	if target == nil || !target.RecursiveAnchor || l.recursive == nil {
		return target
	}
	return l.recursive
}

// dynamicTarget returns the schema that a schema's $dynamicRef leads to. A schema may have several others with one
// anchor inside it, each in a schema with an $id of its own, which the library does not tell apart.
func (r *resolver) dynamicTarget(s *jsonschema.Schema, l lookup) *jsonschema.Schema {
	target := s.DynamicRef
	if target == nil || target.DynamicAnchor == "" || dynamicRefAnchor(s) != target.DynamicAnchor {
		return target
	}
	a := l.anchors[target.DynamicAnchor]
	own := []*jsonschema.Schema{target}
	for _, found := range [][]*jsonschema.Schema{without(a.first, own), without(a.second, own)} {
		if len(found) > 1 {
			r.ambiguous = s
		}
		if len(found) > 0 {
			return found[0]
		}
	}
	return target
}

// dynamicSchemas returns the schemas that lead to a $dynamicRef or $recursiveRef.
func dynamicSchemas(root *jsonschema.Schema) map[*jsonschema.Schema]bool {
	holders := map[*jsonschema.Schema][]*jsonschema.Schema{root: nil}
	var found []*jsonschema.Schema
	for todo := []*jsonschema.Schema{root}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.RecursiveRef != nil || s.DynamicRef != nil {
			found = append(found, s)
		}
		hold := func(sub *jsonschema.Schema) *jsonschema.Schema {
			if _, known := holders[sub]; !known {
				todo = append(todo, sub)
			}
			holders[sub] = append(holders[sub], s)
			return sub
		}
		copied := *s
		eachSchema(&copied, hold)
		for _, anchored := range dynamicAnchors(s) {
			hold(anchored)
		}
	}
	leading := make(map[*jsonschema.Schema]bool)
	for len(found) > 0 {
		s := found[len(found)-1]
		found = found[:len(found)-1]
		if !leading[s] {
			leading[s] = true
			found = append(found, holders[s]...)
		}
	}
	return leading
}

// subschemas are the fields of a schema that may hold schemas.
var subschemas = func() (fields []int) {
	t := reflect.TypeFor[jsonschema.Schema]()
	for i := range t.NumField() {
		field := t.Field(i)
		switch reflect.Zero(field.Type).Interface().(type) {
		case *jsonschema.Schema, []*jsonschema.Schema, map[string]*jsonschema.Schema, map[*regexp.Regexp]*jsonschema.Schema,
			map[string]any, nil:
			if field.IsExported() {
				fields = append(fields, i)
			}
		}
	}
	return fields
}()

// eachSchema replaces each schema that a schema refers to or holds by what change returns.
func eachSchema(s *jsonschema.Schema, change func(*jsonschema.Schema) *jsonschema.Schema) {
	v := reflect.ValueOf(s).Elem()
	for _, i := range subschemas {
		if field := v.Field(i); !field.IsNil() {
			field.Set(reflect.ValueOf(changed(field.Interface(), change)))
		}
	}
}

// changed returns a copy of a field of a schema, the schemas in it changed.
func changed(field any, change func(*jsonschema.Schema) *jsonschema.Schema) any {
	switch held := field.(type) {
	case *jsonschema.Schema:
		return change(held)
	case []*jsonschema.Schema:
		all := make([]*jsonschema.Schema, len(held))
		for i, s := range held {
			all[i] = change(s)
		}
		return all
	case map[string]*jsonschema.Schema:
		return changedMap(held, change)
	case map[*regexp.Regexp]*jsonschema.Schema:
		return changedMap(held, change)
	case map[string]any:
		all := make(map[string]any, len(held))
		for name, value := range held {
			all[name] = changed(value, change)
		}
		return all
	}
	return field
}

func changedMap[K comparable](
	held map[K]*jsonschema.Schema, change func(*jsonschema.Schema) *jsonschema.Schema,
) map[K]*jsonschema.Schema {
	all := make(map[K]*jsonschema.Schema, len(held))
	for key, s := range held {
		all[key] = change(s)
	}
	return all
}
