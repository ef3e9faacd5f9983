package lua

// The tokens of a Lua script.

import "strings"

// scan splits a source into tokens: names, numbers, signs, and strings. A string has a quote before it and none after
// it. Text that scan does not know becomes a token that the parser accepts nowhere.
func scan(s string) (tokens []string) {
	const unknown = "\x00"
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v")
		n := strings.IndexFunc(s, func(r rune) bool { return !isWord(r) })
		switch {
		case s == "":
			return tokens
		case strings.HasPrefix(s, "--[["), strings.HasPrefix(s, "--[="):
			return append(tokens, unknown)
		case strings.HasPrefix(s, "--"):
			_, s, _ = strings.Cut(s, "\n")
			continue
		case s[0] == '\'' || s[0] == '"':
			text, rest, ended := strings.Cut(s[1:], s[:1])
			if !ended || strings.ContainsAny(text, "\\\n") {
				return append(tokens, unknown)
			}
			tokens, s = append(tokens, "'"+text), rest
			continue
		case n < 0:
			n = len(s)
		case n == 0:
			n = 1
		}
		tokens, s = append(tokens, s[:n]), s[n:]
	}
}

func isWord(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
