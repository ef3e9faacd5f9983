// This file asserts the keyword format: common spellings in place, all others by the library's own
// functions, so that both always agree.

package schema

import (
	"bytes"
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
	"date-time": plainDateTime,
	"date":      plainDate,
	"time":      plainTime,
	"uuid":      plainUUID,
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

// plainDateTime recognises "2006-01-02T15:04:05.999Z" and offsets.
func plainDateTime(t []byte) bool {
	return len(t) > 11 && t[10] == 'T' && plainDate(t[:10]) && plainTime(t[11:])
}

// plainDate recognises every date but 29 February.
func plainDate(t []byte) bool {
	if len(t) != 10 || t[4] != '-' || t[7] != '-' {
		return false
	}
	century, year, month, day := twoDigits(t), twoDigits(t[2:]), twoDigits(t[5:]), twoDigits(t[8:])
	if century < 0 || year < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	const longMonths = 1<<1 | 1<<3 | 1<<5 | 1<<7 | 1<<8 | 1<<10 | 1<<12
	return day <= 28 || day <= 30 && month != 2 || day == 31 && longMonths>>month&1 == 1
}

// plainTime recognises every time but leap seconds.
func plainTime(t []byte) bool {
	if len(t) < 9 || t[2] != ':' || t[5] != ':' {
		return false
	}
	return upTo(twoDigits(t), 23) && upTo(twoDigits(t[3:]), 59) && upTo(twoDigits(t[6:]), 59) &&
		plainZone(t[8:])
}

// plainZone recognises the fraction of a second and the zone.
func plainZone(t []byte) bool {
	if t[0] == '.' {
		rest := bytes.TrimLeft(t[1:], "0123456789")
		if len(rest) == len(t)-1 {
			return false
		}
		t = rest
	}
	switch len(t) {
	case 1:
		return t[0] == 'Z'
	case 6:
		return (t[0] == '+' || t[0] == '-') && t[3] == ':' && upTo(twoDigits(t[1:]), 23) && upTo(twoDigits(t[4:]), 59)
	}
	return false
}

func upTo(n, limit int) bool { return 0 <= n && n <= limit }

// twoDigits returns the number that t starts with, -1 if that is not two digits.
func twoDigits(t []byte) int {
	if !isDigit(t[0]) || !isDigit(t[1]) {
		return -1
	}
	return 10*int(t[0]-'0') + int(t[1]-'0')
}

// plainUUID recognises every UUID.
func plainUUID(t []byte) bool {
	if len(t) != 36 {
		return false
	}
	for i, c := range t {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isDigit(c) && (c|0x20 < 'a' || 'f' < c|0x20) {
				return false
			}
		}
	}
	return true
}
