package regex

// Escapes: characters, sets of characters, and back-references.

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// escape reads an escape outside of brackets.
func (e *parser) escape() (ok, repeatable bool) {
	if e.at+1 == len(e.text) {
		return false, false
	}
	switch c := e.text[e.at+1]; {
	case c == 'b' || c == 'B':
		return e.copy(2), false
	case c == 'k':
		ok = e.backReference()
		return ok, ok
	case '1' <= c && c <= '9':
		n := ascii.Digits(e.text[e.at+1:])
		number, err := strconv.Atoi(e.text[e.at+1 : e.at+1+n])
		e.lack(`back-references ` + e.text[e.at:e.at+1+n])
		e.highest = max(e.highest, number)
		e.at += 1 + n
		return err == nil, true
	}
	item, ok := e.atom(false)
	if ok && item.set != "" {
		if item.bare {
			e.out.WriteString(item.set)
		} else {
			e.out.WriteString("[" + item.set + "]")
		}
	} else if ok {
		e.out.WriteString(literal(item.char))
	}
	return ok, true
}

// backReference reads \k<name>.
func (e *parser) backReference() bool {
	e.at += 2
	if !strings.HasPrefix(e.rest(), "<") {
		return false
	}
	e.at++
	name, ok := e.name()
	e.named = append(e.named, name)
	e.lack(`back-references \k<` + name + `>`)
	return ok
}

// atom is what an escape, or a sign in brackets, stands for.
type atom struct {
	char rune
	set  string // for RE2, to stand in brackets; empty: one character
	bare bool   // the set may stand outside of brackets, too
}

// atom reads an escape that stands for a character or a set of them.
func (e *parser) atom(inClass bool) (atom, bool) {
	e.at++ // the backslash
	if e.at == len(e.text) {
		return atom{}, false
	}
	c := e.text[e.at]
	if c >= utf8.RuneSelf {
		return atom{}, false
	}
	e.at++
	switch c {
	case 'd', 'D', 'w', 'W':
		return atom{set: `\` + string(c), bare: true}, true
	case 's':
		return atom{set: spaces}, true
	case 'S':
		return atom{set: notSpaces}, true
	case 'p', 'P':
		return e.property(c)
	case 't', 'n', 'v', 'f', 'r':
		return atom{char: rune("\t\n\v\f\r"[strings.IndexByte("tnvfr", c)])}, true
	case 'b':
		return atom{char: '\b'}, inClass
	case '0':
		return atom{}, e.at == len(e.text) || !ascii.IsDigit(e.text[e.at])
	case 'c':
		return e.control()
	case 'x':
		r, ok := e.hex(2)
		return atom{char: r}, ok
	case 'u':
		e.at--
		r, ok := e.unicode()
		return atom{char: r}, ok
	}
	syntax := strings.IndexByte(`^$\.*+?()[]{}|/`, c) >= 0 || inClass && c == '-'
	return atom{char: rune(c)}, syntax || !e.strict && !ascii.IsAlphanumeric(c)
}

// control reads the letter of a control character, behind \c.
func (e *parser) control() (atom, bool) {
	if e.at == len(e.text) || ascii.IsDigit(e.text[e.at]) || !ascii.IsAlphanumeric(e.text[e.at]) {
		return atom{}, false
	}
	e.at++
	return atom{char: rune(e.text[e.at-1]) & 0x1f}, true
}

// hex reads a number of n digits.
func (e *parser) hex(n int) (rune, bool) {
	if len(e.rest()) < n {
		return 0, false
	}
	number, err := strconv.ParseUint(e.text[e.at:e.at+n], 16, 32)
	e.at += n
	return rune(number), err == nil && e.text[e.at-n] != '+'
}

// unicode reads what follows the backslash of \u0041, \u{41}, or of a pair of surrogates.
func (e *parser) unicode() (rune, bool) {
	if !strings.HasPrefix(e.rest(), "u") {
		return 0, false
	}
	e.at++
	if strings.HasPrefix(e.rest(), "{") {
		digits, after, found := strings.Cut(e.rest()[1:], "}")
		digits = strings.TrimLeft(digits, "0") + "0"
		number, err := strconv.ParseUint(digits, 16, 32)
		ok := found && err == nil && number>>4 <= unicode.MaxRune && e.text[e.at+1] != '}'
		e.at = len(e.text) - len(after)
		return rune(number >> 4), ok
	}
	r, ok := e.hex(4)
	if ok && utf16.IsSurrogate(r) && strings.HasPrefix(e.rest(), `\u`) {
		back := e.at
		e.at += 2
		low, isHex := e.hex(4)
		if pair := utf16.DecodeRune(r, low); isHex && pair != utf8.RuneError {
			return pair, true
		}
		e.at = back
	}
	return r, ok
}

// property reads what follows \p or \P.
func (e *parser) property(c byte) (atom, bool) {
	if !strings.HasPrefix(e.rest(), "{") {
		return atom{}, false
	}
	name, _, found := strings.Cut(e.rest()[1:], "}")
	if !found {
		return atom{}, false
	}
	e.at += len(name) + 2
	re2, known := findProperty(name)
	if known && re2 == "" {
		e.lack(`\` + string(c) + `{` + name + `}`)
		re2 = "Any"
	}
	return atom{set: fmt.Sprintf(`\%c{%s}`, c, re2), bare: true}, known
}
