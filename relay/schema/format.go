// This file is the one table of formats: plans, the evaluator and the library all ask it.

package schema

import (
	"reflect"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// format says whether a text is of a format. It takes time that grows with the text's length alone.
type format func(text []byte) bool

// formats holds every format by its name in JSON Schema, with the specification that decides. Other names are
// annotations.
var formats = map[string]format{
	"date-time":             isDateTime,            // RFC 3339
	"date":                  isDate,                // RFC 3339, full-date
	"time":                  isTime,                // RFC 3339, full-time
	"duration":              isDuration,            // RFC 3339, appendix A
	"email":                 isEmail,               // RFC 5321, Mailbox
	"idn-email":             isIDNEmail,            // RFC 6531
	"hostname":              isHostname,            // RFC 1123, A-labels by RFC 5891
	"idn-hostname":          isIDNHostname,         // RFC 5890 to 5893
	"ipv4":                  isIPv4,                // RFC 2673, dotted-quad
	"ipv6":                  isIPv6,                // RFC 4291
	"uri":                   isURI,                 // RFC 3986
	"uri-reference":         isURIReference,        // RFC 3986
	"iri":                   isIRI,                 // RFC 3987
	"iri-reference":         isIRIReference,        // RFC 3987
	"uri-template":          isURITemplate,         // RFC 6570
	"uuid":                  isUUID,                // RFC 4122
	"json-pointer":          isJSONPointer,         // RFC 6901
	"relative-json-pointer": isRelativeJSONPointer, // draft-bhutton-relative-json-pointer-00
	"regex":                 isRegex,               // ECMA-262 with the flag u

	// Of early drafts, and of the library. No later draft names them.
	"ip-address": isIPv4,
	"uriref":     isURIReference,
	"period":     isPeriod, // RFC 3339, appendix A
}

// The library asks the same functions, so that it and the plans always agree.
func init() {
	for name, is := range formats {
		jsonschema.Formats[name] = func(value any) bool {
			text, ok := value.(string)
			return !ok || is([]byte(text))
		}
	}
}

// newFormat returns the format of a name that is asserted.
func newFormat(name string) format { return formats[name] }

// accepts reports whether text is of the format.
func (f format) accepts(text []byte) bool { return f(text) }

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
