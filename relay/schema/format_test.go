// This file tests that what is plainly of a format is so for the library too.

package schema

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

var formatTexts = []string{
	"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456+23:59", "2026-01-02t03:04:05z", "2026-01-02 03:04:05Z",
	"2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T23:59:60Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05+0100",
	"0000-01-01", "9999-12-31", "2026-02-28", "2026-02-29", "2024-02-29", "2026-02-30", "2026-04-30", "2026-04-31",
	"2026-13-01", "2026-00-01", "2026-01-00", "2026-01-32", "2026-1-01", "+026-01-01", "2026-01-0\u0661",
	"00:00:00Z", "23:59:59-00:00", "23:59:59-24:00", "12:00:00", "12:00:00.5", "12:00:00.", "+1:00:00Z", "",
	"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "123e4567e89b12d3a456426614174000",
	"127.0.0.1", "255.255.255.255", "0.0.0.0", "256.0.0.1", "01.0.0.1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "1..2.3",
	"example.com", "a", "web-1.a-b.example", "-a.b", "a.-b", "a-.b", "a.b-", "a..b", ".a", "a.", "a_b", "k\u00f6ln.de",
	strings.Repeat("a", 63) + ".b", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 126) + "a", strings.Repeat("a.", 127) + "a",
	"ann@example.com", "ann.lee+x=y@a", "a.@b", ".a@b", "a..b@c", "@b", "a@", "a@b@c", "a b@c", "a(x)@b", "a,b@c", "a@[127.0.0.1]",
	`"a b"@c`, "<a@b>", "a@b.", "a@b-", "ann@k\u00f6ln.de", strings.Repeat("a", 64) + "@b", strings.Repeat("a", 65) + "@b",
	"a@" + strings.Repeat("a.", 125) + "a", "a@" + strings.Repeat("a.", 126) + "a",
	"https://example.com", "http://a:80/b/c?d=e&f#g", "http://a/%41%zz", "http://a/%4", "http://a?%zz", "http://a#%zz", "http://a#b#c",
	"http://a:/", "http://a:b", "http://a:80b", "http://a b", "http://a/ b", "http://a/[", "http://u:p@h/", "http://", "http:///a",
	"://a", "1a://b", "a1://b", "//a", "/a", "a:b", "urn:a:b", "http://-/", "http://./", "http://a/\\", "http://[::1]/", "http://k\u00f6ln",
	"123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a456-42661417400\x00",
}

func TestPlainFormats(t *testing.T) {
	recognised := make(map[string]int)
	for name, plainly := range plainFormats {
		for _, text := range formatTexts {
			checkFormat(t, name, []byte(text))
			if plainly([]byte(text)) {
				recognised[name]++
			}
		}
		if recognised[name] == 0 {
			t.Errorf("no %s is recognised", name)
		}
	}
}

func checkFormat(t *testing.T, name string, text []byte) {
	t.Helper()
	want := jsonschema.Formats[name](string(text))
	if plainly := plainFormats[name]; plainly != nil && plainly(text) && !want {
		t.Errorf("%q passes as plain %s, and is none", text, name)
	}
	if got := newFormat(name).accepts(text); got != want {
		t.Errorf("%s accepts %q: %v; want %v", name, text, got, want)
	}
}

// FuzzFormats also shows that the library's functions, which run unguarded, do not panic.
func FuzzFormats(f *testing.F) {
	for _, text := range formatTexts {
		f.Add([]byte(text))
	}
	for _, text := range []string{"a@[IPv6:::1]", "[]", "a.", ".", "http://[::1", "{a{b}}", "P1Y/P1Y", "0#", "/~", "a@b", "("} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name := range jsonschema.Formats {
			checkFormat(t, name, text)
		}
	})
}

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
