// This file asserts the keyword format: common spellings in place, all others by the library's own
// functions, so that both always agree.

package schema

import (
	"reflect"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// format says whether a string is of a format.
type format struct {
	plainly func([]byte) bool // true: certainly is; nil: unknown. Accepts less than surely and does not allocate
	surely  func(any) bool    // the library's answer for a Go string
}

// plainFormats recognise what programs write: a nil or false answer means nothing.
var plainFormats = map[string]func([]byte) bool{
	"date-time":     plainDateTime,
	"date":          plainDate,
	"time":          plainTime,
	"uuid":          plainUUID,
	"email":         plainEmail,
	"hostname":      plainHostname,
	"ipv4":          plainIPv4,
	"uri":           plainURI,
	"uri-reference": plainURI,
}

func newFormat(name string) format {
	return format{plainly: plainFormats[name], surely: jsonschema.Formats[name]}
}

// accepts reports whether text is of the format.
func (f format) accepts(text []byte) bool {
	return f.plainly != nil && f.plainly(text) || f.surely(string(text))
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
