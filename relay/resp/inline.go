// This file reads an inline command, a line as a person types it. Its words are split as by Redis's sdssplitargs.

package resp

import "bytes"

// parseInline reads a command that is one line of words.
func (c *Commands) parseInline() (whole bool, err *ProtocolError) {
	line, ok, err := c.line('\n', errInlineLength)
	if !ok {
		return false, err
	}
	c.pos += len(line) + 1
	spans, ok := splitWords(bytes.TrimSuffix(line, []byte{'\r'}), c.buf.spans)
	if !ok {
		return false, errQuotes
	}
	for i, s := range spans {
		if int(s.len) > c.keepLimit() {
			c.oversize = max(c.oversize, int64(s.len))
			spans[i].len = 0
		}
	}
	c.buf.spans = spans
	return true, nil
}

// splitWords appends the place of each word of line to spans. Words are unquoted where they lie, which overwrites
// line. It returns false if a quote is not closed, or is closed in the middle of a word.
//
// Unlike in Redis, where a NUL byte ends the line, it is a byte like others.
func splitWords(line []byte, spans []span) ([]span, bool) {
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return spans, true
		}
		end, next, ok := unquoteWord(line, i)
		if !ok {
			return spans, false
		}
		spans = append(spans, span{off: uint32(i), len: uint32(end - i)})
		i = next
	}
}

// unquoteWord unquotes the word at line[from:] in place: it comes to be line[from:end]. The rest begins at next.
func unquoteWord(line []byte, from int) (end, next int, ok bool) {
	out, i := from, from
	for ; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\n', '\r', '\t': // but not \v and \f, which only count as space between words
			return out, i, true
		case '"', '\'':
			return unquote(line, out, i)
		default:
			line[out] = c
			out++
		}
	}
	return out, i, true
}

// unquote copies what the quote at line[i] encloses to line[out:end]. The closing quote ends the word.
func unquote(line []byte, out, i int) (end, next int, ok bool) {
	quote := line[i]
	i++
	for i < len(line) && line[i] != quote {
		c, n := line[i], 1
		if c == '\\' {
			c, n = unescape(line[i:], quote)
		}
		line[out] = c
		out++
		i += n
	}
	next = i + 1
	return out, next, next == len(line) || next < len(line) && isSpace(line[next])
}

// unescape reads the escape at the start of s, and returns its byte and its length. Between single quotes \' is the
// only one.
func unescape(s []byte, quote byte) (c byte, n int) {
	switch {
	case len(s) < 2, quote == '\'' && s[1] != '\'':
		return '\\', 1
	case quote == '"' && len(s) >= 4 && s[1] == 'x' && isHex(s[2]) && isHex(s[3]):
		return hexValue(s[2])<<4 | hexValue(s[3]), 4
	}
	switch s[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'b':
		return '\b', 2
	case 'a':
		return '\a', 2
	}
	return s[1], 2
}

// isSpace is C's isspace.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}
