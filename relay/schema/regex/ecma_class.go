package regex

// Classes of characters in brackets, and how single characters are spelled.

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// class reads a class of characters in brackets.
func (e *parser) class() bool {
	e.at++
	negated := strings.HasPrefix(e.rest(), "^")
	if negated {
		e.at++
	}
	var set strings.Builder
	for !strings.HasPrefix(e.rest(), "]") {
		from, ok := e.member()
		if !ok {
			return false
		}
		rest := e.rest()
		if !strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "-]") {
			set.WriteString(from.inClass())
			continue
		}
		e.at++
		text, ok := e.rangeFrom(from)
		if !ok {
			return false
		}
		set.WriteString(text)
	}
	e.at++
	switch {
	case set.Len() == 0 && negated:
		e.out.WriteString("[" + anything + "]")
	case set.Len() == 0:
		e.out.WriteString("[^" + anything + "]")
	case negated:
		e.out.WriteString("[^" + set.String() + "]")
	default:
		e.out.WriteString("[" + set.String() + "]")
	}
	return true
}

// rangeFrom reads the end of a range of characters, and spells the range.
func (e *parser) rangeFrom(from atom) (spelled string, ok bool) {
	to, ok := e.member()
	switch {
	case !ok:
		return "", false
	case from.set != "" || to.set != "": // no range, but three members
		return from.inClass() + `\-` + to.inClass(), !e.strict
	case from.char > to.char:
		return "", false
	}
	return from.inClass() + "-" + to.inClass(), true
}

// member reads one character, or escape, of a class. RE2's own names of classes, as in [[:alpha:]], are none of
// ECMA-262's.
func (e *parser) member() (atom, bool) {
	switch rest := e.rest(); {
	case rest == "":
		return atom{}, false
	case rest[0] == '\\':
		return e.atom(true)
	case strings.HasPrefix(rest, "[:") && !e.strict:
		return atom{}, false
	}
	r, n := utf8.DecodeRuneInString(e.rest())
	e.at += n
	return atom{char: r}, true
}

// inClass spells an atom to stand in brackets.
func (a atom) inClass() string {
	if a.set != "" {
		return a.set
	}
	return literal(a.char)
}

// literal spells one character.
func literal(r rune) string {
	switch {
	case r > 0xa0 && utf8.ValidRune(r):
		return string(r)
	case r < ' ' || r >= 0x7f:
		return fmt.Sprintf(`\x{%x}`, r)
	case ascii.IsAlphanumeric(byte(r)) || r == ' ' || r == '_':
		return string(r)
	}
	return `\` + string(r)
}
