package schema

// The library's schemas: a release that has more keywords, or hides what it asserts elsewhere, must be noticed.

import (
	"reflect"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// TestLibraryFields fails when a release of the library knows more keywords than this package has
// thought about, or hides what it asserts elsewhere.
func TestLibraryFields(t *testing.T) {
	known := []string{
		"Location", "Draft", "Format", "Always", "Ref", "RecursiveAnchor", "RecursiveRef", "DynamicAnchor", "DynamicRef",
		"Types", "Constant", "Enum", "Not", "AllOf", "AnyOf", "OneOf", "If", "Then", "Else",
		"MinProperties", "MaxProperties", "Required", "Properties", "PropertyNames", "RegexProperties", "PatternProperties",
		"AdditionalProperties", "Dependencies", "DependentRequired", "DependentSchemas", "UnevaluatedProperties",
		"MinItems", "MaxItems", "UniqueItems", "Items", "AdditionalItems", "PrefixItems", "Items2020",
		"Contains", "ContainsEval", "MinContains", "MaxContains", "UnevaluatedItems",
		"MinLength", "MaxLength", "Pattern", "ContentEncoding", "ContentMediaType", "ContentSchema",
		"Minimum", "ExclusiveMinimum", "Maximum", "ExclusiveMaximum", "MultipleOf",
		"Title", "Description", "Default", "Comment", "ReadOnly", "WriteOnly", "Examples", "Deprecated", "Extensions",
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[jsonschema.Schema]()) {
		if field.IsExported() && !slices.Contains(known, field.Name) {
			t.Errorf("the library's Schema has a field %s: compile it, refuse it, or list it here", field.Name)
		}
	}
	for _, field := range []string{"format", "decoder", "mediaType"} {
		if _, known := asserts(&jsonschema.Schema{}, field); !known {
			t.Errorf("the library's Schema has no function %s: every schema that uses it falls back", field)
		}
	}
	for _, field := range []string{"dynamicAnchors", "dynamicRefAnchor"} {
		if _, ok := reflect.TypeFor[jsonschema.Schema]().FieldByName(field); !ok {
			t.Errorf("the library's Schema has no field %s: references cannot be followed", field)
		}
	}
}
