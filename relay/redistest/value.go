// A decoded RESP value and its readable form, which tests compare.

package redistest

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Value is one RESP2 or RESP3 value.
type Value struct {
	// Type is the first byte on the wire: one of + - : $ * and, in RESP3,
	// _ # , ( ! = % ~ > |
	Type byte
	// Str is the text of a string, error, double, big number or boolean (t, f).
	// A verbatim string keeps its prefix: "txt:hello".
	Str string
	// Int is the value of an integer.
	Int int64
	// Elems are the elements of an array, set or push; of a map or an attribute,
	// its keys and values in turn.
	Elems []Value
	// Null is true of _ and of RESP2's $-1 and *-1; Type tells them apart.
	Null bool
}

// Err is the error that the value is, or nil if it is none.
func (v Value) Err() error {
	if v.Type == '-' || v.Type == '!' {
		return errors.New(v.Str)
	}
	return nil
}

// String is the readable form that Client.Expect compares:
//
//	+PONG             simple string
//	-ERR no such key  error (! for RESP3's bulk error)
//	:1                integer; inside an aggregate just 1
//	hello             bulk string
//	(nil)             null of any type
//	[message a m]     array; >[…] push, ~[…] set, %[k v …] map, |[k v …] attribute
//	,1.5 #t (12       double, boolean, big number
//	=txt:hello        verbatim string
//	(none)            the zero Value
//
// A bulk string is quoted, as by strconv.Quote, where it could be taken for
// something else: empty, an integer, not printable, with a space or a bracket in
// it, or with the first byte of another form.
func (v Value) String() string {
	if v.Type == ':' {
		return ":" + strconv.FormatInt(v.Int, 10)
	}
	var b strings.Builder
	v.write(&b)
	return b.String()
}

// write appends the form that v has inside an aggregate.
func (v Value) write(b *strings.Builder) {
	switch {
	case v.Type == 0:
		b.WriteString("(none)")
	case v.Null:
		b.WriteString("(nil)")
	case v.Type == ':':
		b.WriteString(strconv.FormatInt(v.Int, 10))
	case v.Type == '$':
		b.WriteString(readable(v.Str))
	case isAggregate(v.Type):
		v.writeElems(b)
	default:
		b.WriteByte(v.Type)
		b.WriteString(v.Str)
	}
}

func (v Value) writeElems(b *strings.Builder) {
	if v.Type != '*' {
		b.WriteByte(v.Type)
	}
	b.WriteByte('[')
	for i, e := range v.Elems {
		if i > 0 {
			b.WriteByte(' ')
		}
		e.write(b)
	}
	b.WriteByte(']')
}

// readable quotes a bulk string that would not be unmistakable bare.
func readable(s string) string {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, blurs) ||
		strings.ContainsRune("+-:>~%|,#(=!_\"", rune(s[0])) || isInteger(s) {
		return strconv.Quote(s)
	}
	return s
}

// blurs reports whether r inside a bare string would hide where the string ends.
func blurs(r rune) bool {
	return r == '[' || r == ']' || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

func isInteger(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func isAggregate(typ byte) bool {
	return typ == '*' || typ == '>' || typ == '~' || typ == '%' || typ == '|'
}
