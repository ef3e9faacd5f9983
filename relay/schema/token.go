package schema

// This file reads the scan's tokens: strings, numbers and literals.

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// token is a string of the text: the offsets of what stands between its quotes.
type token struct {
	start, end int
	escaped    bool // holds at least one escape
}

// str reads a string, from its opening quote on.
func (s *tokenizer) str() (token, bool) {
	start := s.pos + 1
	if end, ascii := plain(s.buf, start); ascii && end < len(s.buf) && s.buf[end] == '"' {
		s.pos = end + 1
		return token{start: start, end: end}, true
	}
	return s.anyString()
}

// anyString is str for strings with escapes, other characters than ASCII, and faults.
func (s *tokenizer) anyString() (token, bool) {
	t := token{start: s.pos + 1}
	i, ascii := t.start, true
	for {
		next, plainASCII := plain(s.buf, i)
		i, ascii = next, ascii && plainASCII
		if i == len(s.buf) {
			return t, s.malformed(i, "the end of a string")
		}
		if s.buf[i] == '"' {
			break
		}
		if s.buf[i] != '\\' {
			return t, s.malformed(i, "an escape instead of a control character")
		}
		n := s.escape(i)
		if n == 0 {
			return t, false
		}
		t.escaped = true
		i += n
	}
	t.end, s.pos = i, i+1
	return t, ascii || s.validUTF8(t)
}

// stringAt returns the string, quotes included, that begins at start and ends at pos.
func (s *tokenizer) stringAt(start int) token {
	t := token{start: start + 1, end: s.pos - 1}
	t.escaped = bytes.IndexByte(s.buf[t.start:t.end], '\\') >= 0
	return t
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns the offset of the first quote, backslash or control character from i on, or the length
// of buf, and whether no byte above 0x7f stands before it. It may report false without need. It looks at
// eight bytes at a time; in a word, marks above the lowest one may be wrong.
func plain(buf []byte, i int) (next int, ascii bool) {
	var seen uint64
	for ; i+8 <= len(buf); i += 8 {
		w := binary.LittleEndian.Uint64(buf[i:])
		quote, slash := w^('"'*ones), w^('\\'*ones)
		marks := ((quote - ones) | (slash - ones) | (w - ' '*ones)) &^ w & highs
		seen |= w
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8, seen&highs == 0
		}
	}
	for ; i < len(buf) && buf[i] != '"' && buf[i] != '\\' && buf[i] >= ' '; i++ {
		seen |= uint64(buf[i])
	}
	return i, seen&highs == 0
}

// validUTF8 refuses a string that is not UTF-8.
func (s *tokenizer) validUTF8(t token) bool {
	if utf8.Valid(s.buf[t.start:t.end]) {
		return true
	}
	at := t.start
	for {
		r, size := utf8.DecodeRune(s.buf[at:t.end])
		if r == utf8.RuneError && size == 1 {
			return s.fail(badUTF8, at, at+1)
		}
		at += size
	}
}

// escape reads the escape at i and returns its length, or 0 after recording a fault. Two escapes that
// make a surrogate pair count as one.
func (s *tokenizer) escape(i int) int {
	if i+1 == len(s.buf) {
		s.malformed(i+1, "an escape")
		return 0
	}
	switch s.buf[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		return s.unicodeEscape(i)
	default:
		s.malformed(i+1, "an escape")
		return 0
	}
}

func (s *tokenizer) unicodeEscape(i int) int {
	r, digits := hex4(s.buf[i+2:])
	if digits < 4 {
		s.malformed(i+2+digits, "four hexadecimal digits")
		return 0
	}
	if !utf16.IsSurrogate(r) {
		return 6
	}
	if rest := s.buf[i+6:]; len(rest) >= 2 && rest[0] == '\\' && rest[1] == 'u' {
		low, digits := hex4(rest[2:])
		if digits == 4 && utf16.DecodeRune(r, low) != utf8.RuneError {
			return 12
		}
	}
	s.fail(loneSurrogate, i, i+6)
	return 0
}

// hex4 reads up to four hexadecimal digits and returns their value and number.
func hex4(b []byte) (r rune, digits int) {
	for digits < 4 && digits < len(b) {
		c := b[digits]
		switch {
		case ascii.IsDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return r, digits
		}
		r = r<<4 | rune(c)
		digits++
	}
	return r, digits
}

// appendUnescaped appends the text of a string that the scan has accepted.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			i++
			continue
		}
		r, size := unescape(raw[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}

// unescape returns the character of the escape that raw starts with, and the length of the escape.
func unescape(raw []byte) (rune, int) {
	switch c := raw[1]; c {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, _ := hex4(raw[2:])
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		low, _ := hex4(raw[8:])
		return utf16.DecodeRune(r, low), 12
	default:
		return rune(c), 2
	}
}

// number reads a number.
func (s *tokenizer) number() bool {
	start := s.pos
	if s.buf[s.pos] == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.peek()|0x20 == 'e' && !s.exponent(start) {
		return false
	}
	return s.pos-start <= MaxNumberLen || s.fail(longNumber, start, s.pos)
}

// exponent reads the exponent of the number that began at start.
func (s *tokenizer) exponent(start int) bool {
	s.pos++
	if c := s.peek(); c == '+' || c == '-' {
		s.pos++
	}
	first := s.pos
	if !s.digits() {
		return false
	}
	size := 0
	for _, c := range s.buf[first:s.pos] {
		if size = 10*size + int(c-'0'); size > MaxExponent {
			return s.fail(bigExponent, start, s.pos)
		}
	}
	return true
}

// digits reads one digit or more.
func (s *tokenizer) digits() bool {
	first := s.pos
	for s.pos < len(s.buf) && ascii.IsDigit(s.buf[s.pos]) {
		s.pos++
	}
	return s.pos > first || s.unexpected("a digit")
}

// literal reads one of true, false and null.
func (s *tokenizer) literal(word string) bool {
	if rest := s.buf[s.pos:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
		s.pos += len(word)
		return true
	}
	for i := range len(word) {
		if s.peek() != word[i] {
			break
		}
		s.pos++
	}
	return s.unexpected(word)
}
