package format

// The table of formats. Whoever checks a format asks this table: the checker, examinations and the library.

import (
	"maps"
	"slices"

	"redis-relay/relay/schema/regex"
)

// Format reports whether a text is of a format. The time it takes grows with the text's length alone.
type Format func(text []byte) bool

// formats holds every format by its name in JSON Schema, with the specification that decides.
var formats = map[string]Format{
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
	"regex":                 regex.IsValid,         // ECMA-262 with the flag u

	// Of early drafts, and of the library. No later draft names them.
	"ip-address": isIPv4,
	"uriref":     isURIReference,
	"period":     isPeriod, // RFC 3339, appendix A
}

// Of returns the format of a name, nil if JSON Schema has none of that name: then the keyword asserts nothing.
func Of(name string) Format { return formats[name] }

// Accepts reports whether text is of the format. It does not keep text.
func (f Format) Accepts(text []byte) bool { return f(text) }

// Names lists the names of all formats, sorted.
func Names() []string { return slices.Sorted(maps.Keys(formats)) }
