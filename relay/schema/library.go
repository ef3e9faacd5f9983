package schema

// What of the library's schemas is not in its interface, and what the library asks of us.

import (
	"reflect"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/format"
)

// The library asks the same functions, so that it and the plans always agree.
func init() {
	for _, name := range format.Names() {
		is := format.Of(name)
		jsonschema.Formats[name] = func(value any) bool {
			text, ok := value.(string)
			return !ok || is.Accepts([]byte(text))
		}
	}
}

// asserts reports whether the library has a function behind a private field of a schema, such as format.
// Only the library knows whether a draft and its vocabularies assert it. It reports known false should a
// release of the library no longer have the field.
func asserts(s *jsonschema.Schema, field string) (asserted, known bool) {
	v := reflect.ValueOf(s).Elem().FieldByName(field)
	if v.Kind() != reflect.Func {
		return false, false
	}
	return !v.IsNil(), true
}

// dynamicAnchors returns the schemas within one that have a $dynamicAnchor, which the library keeps in a private
// field.
func dynamicAnchors(s *jsonschema.Schema) (anchored []*jsonschema.Schema) {
	all := reflect.ValueOf(s).Elem().FieldByName("dynamicAnchors")
	for i := range all.Len() {
		anchored = append(anchored, (*jsonschema.Schema)(all.Index(i).UnsafePointer()))
	}
	return anchored
}

// dynamicRefAnchor returns the anchor that a $dynamicRef names, empty if it names none.
func dynamicRefAnchor(s *jsonschema.Schema) string {
	return reflect.ValueOf(s).Elem().FieldByName("dynamicRefAnchor").String()
}

// onlyKeyword returns the one field by which a schema says anything, empty if there are none or more.
func onlyKeyword(s *jsonschema.Schema) string {
	if fields := fieldsOf(s); len(fields) == 1 {
		return fields[0]
	}
	return ""
}

// fieldsOf returns the fields by which a schema says anything.
func fieldsOf(s *jsonschema.Schema) (names []string) {
	for field, value := range reflect.ValueOf(s).Elem().Fields() {
		if field.IsExported() && !slices.Contains(silentFields, field.Name) && !isAbsent(value) {
			names = append(names, field.Name)
		}
	}
	return names
}

// silentFields say nothing by themselves.
var silentFields = []string{"Location", "Draft", "MinContains", "ContainsEval"}

// isAbsent reports whether a field of a schema says nothing: limits, which may be 0, are then -1.
func isAbsent(field reflect.Value) bool {
	if field.Kind() == reflect.Int {
		return field.Int() == -1
	}
	return field.IsZero()
}
