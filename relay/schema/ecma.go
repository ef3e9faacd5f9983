// This file reads regular expressions of ECMA-262, in which JSON Schema writes its patterns, and spells them for RE2.

package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// isRegex recognises a regular expression of ECMA-262 with the flag u, as JSON Schema asks for. What RE2 cannot do is
// none the worse a regular expression.
func isRegex(t []byte) bool {
	e := ecma{text: string(t), strict: true}
	return e.read()
}

// translate spells a pattern for RE2. It takes what ECMA-262 takes and, as browsers do, a backslash before any sign,
// and brackets and braces that stand alone. What is no ECMA-262 even so is RE2's own, and returned as it is. The
// second result names what RE2 lacks, if the pattern asks for that.
func translate(pattern string) (re2, lacks string) {
	e := ecma{text: pattern}
	if !e.read() {
		return pattern, ""
	}
	return e.out.String(), e.lacks
}

// Classes of characters that RE2 reads otherwise, as they stand in brackets; and those without them.
const (
	spaces    = `\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`
	notSpaces = `\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}` +
		`\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
	lineEnds = `\n\r\x{2028}\x{2029}`
	anything = `\x{0}-\x{10ffff}`
)

// ecma reads one pattern.
type ecma struct {
	text   string
	strict bool // only what the flag u allows

	at      int
	out     strings.Builder // for RE2
	lacks   string          // what RE2 has not, as far as read
	looks   []bool          // open groups, whether they look around
	groups  int             // capturing ones
	highest int             // number that a back-reference names
	names   map[string]bool // of groups
	named   []string        // by back-references
}

// read reports whether the text is a regular expression.
func (e *ecma) read() bool {
	e.names = make(map[string]bool)
	repeatable := false // what has been read last
	for e.at < len(e.text) {
		var ok bool
		switch c := e.text[e.at]; c {
		case '(':
			ok, repeatable = e.open(), false
		case ')':
			ok, repeatable = e.close()
		case '|', '^', '$':
			ok, repeatable = e.copy(1), false
		case '*', '+', '?':
			ok, repeatable = repeatable && e.repeat(1), false
		case '{':
			n := e.counts()
			switch {
			case n > 0:
				ok = repeatable && e.repeat(n)
				repeatable = false
			default:
				ok, repeatable = e.sign(c), true
			}
		case '}', ']':
			ok, repeatable = e.sign(c), true
		case '.':
			e.at++
			e.out.WriteString(`[^` + lineEnds + `]`)
			ok, repeatable = true, true
		case '[':
			ok, repeatable = e.class(), true
		case '\\':
			ok, repeatable = e.escape()
		default:
			_, n := utf8.DecodeRuneInString(e.text[e.at:])
			ok, repeatable = e.copy(n), true
		}
		if !ok {
			return false
		}
	}
	for _, name := range e.named {
		if !e.names[name] {
			return false
		}
	}
	return len(e.looks) == 0 && e.highest <= e.groups
}

// rest is what has not been read.
func (e *ecma) rest() string { return e.text[e.at:] }

// copy takes n bytes over as they are.
func (e *ecma) copy(n int) bool {
	e.out.WriteString(e.text[e.at : e.at+n])
	e.at += n
	return true
}

// sign takes a bracket or brace that stands alone for itself.
func (e *ecma) sign(c byte) bool {
	e.at++
	e.out.WriteByte('\\')
	e.out.WriteByte(c)
	return !e.strict
}

// lack notes the first thing that RE2 has not.
func (e *ecma) lack(what string) {
	if e.lacks == "" {
		e.lacks = what
	}
}

// open reads the beginning of a group.
func (e *ecma) open() bool {
	rest := e.rest()
	for _, look := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(rest, look) {
			e.lack("look-around " + look + "…)")
			e.looks = append(e.looks, true)
			return e.copy(len(look))
		}
	}
	e.looks = append(e.looks, false)
	switch {
	case strings.HasPrefix(rest, "(?:"):
		return e.copy(3)
	case strings.HasPrefix(rest, "(?<"):
		e.at += 3
		name, ok := e.name()
		if !ok || e.names[name] {
			return false
		}
		e.names[name] = true
		e.out.WriteByte('(')
	case strings.HasPrefix(rest, "(?"):
		return false
	default:
		e.copy(1)
	}
	e.groups++
	return true
}

// close reads the end of a group. What looks around cannot be repeated.
func (e *ecma) close() (ok, repeatable bool) {
	last := len(e.looks) - 1
	if last < 0 {
		return false, false
	}
	look := e.looks[last]
	e.looks = e.looks[:last]
	return e.copy(1), !look
}

// repeat reads a quantifier of n bytes, and the sign that makes it reluctant.
func (e *ecma) repeat(n int) bool {
	if e.text[e.at] == '{' {
		least, most, both := strings.Cut(e.text[e.at+1:e.at+n-1], ",")
		if both && most != "" && less(most, least) {
			return false
		}
		if tooMany(least) || tooMany(most) {
			e.lack("repetitions over " + strconv.Itoa(maxRepeat))
		}
	}
	e.copy(n)
	if strings.HasPrefix(e.rest(), "?") {
		e.copy(1)
	}
	return true
}

// maxRepeat is how often RE2 repeats a thing.
const maxRepeat = 1000

func tooMany(count string) bool { return less(strconv.Itoa(maxRepeat), count) }

// less compares numbers of any length.
func less(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return len(a) < len(b) || len(a) == len(b) && a < b
}

// counts returns the length of the quantifier in braces that comes next, 0 if it is none.
func (e *ecma) counts() int {
	t := e.rest()
	n := digits(t[1:])
	if n == 0 {
		return 0
	}
	if n++; n < len(t) && t[n] == ',' {
		n++
		n += digits(t[n:])
	}
	if n == len(t) || t[n] != '}' {
		return 0
	}
	return n + 1
}

// name reads the name of a group up to its bracket.
func (e *ecma) name() (string, bool) {
	end := strings.IndexByte(e.rest(), '>')
	if end < 0 {
		return "", false
	}
	raw := e.text[e.at : e.at+end]
	var name strings.Builder
	inner := ecma{text: raw, strict: true}
	for inner.at < len(raw) {
		r, n := utf8.DecodeRuneInString(inner.rest())
		if r == '\\' {
			inner.at++
			var ok bool
			if r, ok = inner.unicode(); !ok {
				return "", false
			}
		} else {
			inner.at += n
		}
		if !isIdentifier(r, name.Len() == 0) {
			return "", false
		}
		name.WriteRune(r)
	}
	e.at += end + 1
	return name.String(), name.Len() > 0
}

// isIdentifier reports whether a letter may stand in a name, or at its beginning.
func isIdentifier(r rune, first bool) bool {
	if r == '$' || r == '_' || unicode.IsLetter(r) || unicode.In(r, unicode.Nl, unicode.Other_ID_Start) {
		return true
	}
	return !first && (r == '\u200c' || r == '\u200d' ||
		unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue))
}

// escape reads an escape outside of brackets.
func (e *ecma) escape() (ok, repeatable bool) {
	if e.at+1 == len(e.text) {
		return false, false
	}
	switch c := e.text[e.at+1]; {
	case c == 'b' || c == 'B':
		return e.copy(2), false
	case c == 'k':
		e.at += 2
		if !strings.HasPrefix(e.rest(), "<") {
			return false, false
		}
		e.at++
		name, ok := e.name()
		e.named = append(e.named, name)
		e.lack(`back-references \k<` + name + `>`)
		return ok, true
	case '1' <= c && c <= '9':
		n := digits(e.text[e.at+1:])
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

// atom is what an escape, or a sign in brackets, stands for.
type atom struct {
	char rune
	set  string // for RE2, to stand in brackets; empty: one character
	bare bool   // the set may stand outside of brackets, too
}

// atom reads an escape that stands for a character or a set of them.
func (e *ecma) atom(inClass bool) (atom, bool) {
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
		return atom{}, e.at == len(e.text) || !isDigit(e.text[e.at])
	case 'c':
		if e.at == len(e.text) || isDigit(e.text[e.at]) || !isAlphanumeric(e.text[e.at]) {
			return atom{}, false
		}
		e.at++
		return atom{char: rune(e.text[e.at-1]) & 0x1f}, true
	case 'x':
		r, ok := e.hex(2)
		return atom{char: r}, ok
	case 'u':
		e.at--
		r, ok := e.unicode()
		return atom{char: r}, ok
	}
	syntax := strings.IndexByte(`^$\.*+?()[]{}|/`, c) >= 0 || inClass && c == '-'
	return atom{char: rune(c)}, syntax || !e.strict && !isAlphanumeric(c)
}

// hex reads a number of n digits.
func (e *ecma) hex(n int) (rune, bool) {
	if len(e.rest()) < n {
		return 0, false
	}
	number, err := strconv.ParseUint(e.text[e.at:e.at+n], 16, 32)
	e.at += n
	return rune(number), err == nil && e.text[e.at-n] != '+'
}

// unicode reads what follows the backslash of \u0041, \u{41}, or of a pair of surrogates.
func (e *ecma) unicode() (rune, bool) {
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
func (e *ecma) property(c byte) (atom, bool) {
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

// class reads a class of characters in brackets.
func (e *ecma) class() bool {
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
		to, ok := e.member()
		switch {
		case !ok:
			return false
		case from.set != "" || to.set != "": // no range, but three members
			if e.strict {
				return false
			}
			set.WriteString(from.inClass() + `\-` + to.inClass())
		case from.char > to.char:
			return false
		default:
			set.WriteString(from.inClass() + "-" + to.inClass())
		}
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

// member reads one character, or escape, of a class. RE2's own names of classes, as in [[:alpha:]], are none of
// ECMA-262's.
func (e *ecma) member() (atom, bool) {
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
	case isAlphanumeric(byte(r)) || r == ' ' || r == '_':
		return string(r)
	}
	return `\` + string(r)
}
