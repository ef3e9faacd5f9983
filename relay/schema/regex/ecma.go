package regex

// Patterns of ECMA-262: reading them, groups and quantifiers first, and spelling them for RE2.

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// IsValid reports whether a text is a regular expression of ECMA-262 with the flag u, as JSON Schema asks for. One
// that RE2 cannot match is valid, too.
func IsValid(t []byte) bool {
	e := parser{text: string(t), strict: true}
	return e.read()
}

// Translate spells a pattern for RE2. It accepts what ECMA-262 accepts and, as browsers do, a backslash before any
// sign, and brackets and braces that stand alone. Any other text is returned unchanged: it may be RE2's own. If the
// pattern needs what RE2 does not have, lacks names the first such thing.
func Translate(pattern string) (re2, lacks string) {
	e := parser{text: pattern}
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

// parser reads one pattern, from left to right, and writes it for RE2.
type parser struct {
	text   string
	strict bool // only what the flag u allows

	at      int
	out     strings.Builder // for RE2
	lacks   string          // the first thing that RE2 does not have; empty: none so far
	looks   []bool          // for each open group, whether it looks around
	groups  int             // capturing groups so far
	highest int             // the highest number in a back-reference
	names   map[string]bool // of groups
	named   []string        // names in back-references
}

// read reports whether the text is a regular expression.
func (e *parser) read() bool {
	e.names = make(map[string]bool)
	repeatable := false // whether a quantifier may follow
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
			ok, repeatable = e.brace(repeatable)
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
	return len(e.looks) == 0 && e.resolved()
}

// resolved reports whether every back-reference has its group.
func (e *parser) resolved() bool {
	for _, name := range e.named {
		if !e.names[name] {
			return false
		}
	}
	return e.highest <= e.groups
}

// brace reads a quantifier in braces, or a brace that stands alone.
func (e *parser) brace(repeatable bool) (ok, after bool) {
	if n := e.counts(); n > 0 {
		return repeatable && e.repeat(n), false
	}
	return e.sign('{'), true
}

// rest returns the text that has not been read.
func (e *parser) rest() string { return e.text[e.at:] }

// copy writes the next n bytes unchanged.
func (e *parser) copy(n int) bool {
	e.out.WriteString(e.text[e.at : e.at+n])
	e.at += n
	return true
}

// sign writes a bracket or brace that stands alone so that it matches itself.
func (e *parser) sign(c byte) bool {
	e.at++
	e.out.WriteByte('\\')
	e.out.WriteByte(c)
	return !e.strict
}

// lack notes what RE2 does not have. The first such thing counts.
func (e *parser) lack(what string) {
	if e.lacks == "" {
		e.lacks = what
	}
}

// open reads the beginning of a group.
func (e *parser) open() bool {
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

// close reads the end of a group. A group that looks around cannot be repeated.
func (e *parser) close() (ok, repeatable bool) {
	last := len(e.looks) - 1
	if last < 0 {
		return false, false
	}
	look := e.looks[last]
	e.looks = e.looks[:last]
	return e.copy(1), !look
}

// repeat reads a quantifier of n bytes, and the sign that makes it reluctant.
func (e *parser) repeat(n int) bool {
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
func (e *parser) counts() int {
	t := e.rest()
	n := ascii.Digits(t[1:])
	if n == 0 {
		return 0
	}
	if n++; n < len(t) && t[n] == ',' {
		n++
		n += ascii.Digits(t[n:])
	}
	if n == len(t) || t[n] != '}' {
		return 0
	}
	return n + 1
}

// name reads the name of a group up to its bracket.
func (e *parser) name() (string, bool) {
	end := strings.IndexByte(e.rest(), '>')
	if end < 0 {
		return "", false
	}
	raw := e.text[e.at : e.at+end]
	var name strings.Builder
	inner := parser{text: raw, strict: true}
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
