// This file tests the matcher by table, by a transcript of Redis's algorithm, and by fuzzing against it.

package glob

import (
	"bytes"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"chat:42", "chat:42", true},
		{"chat:42", "CHAT:42", false},
		{"chat:42", "chat:421", false},
		{"chat:*", "chat:", true},
		{"chat:*", "chat:42", true},
		{"chat:*", "room:42", false},
		{"*:42", "chat:42", true},
		{"*:42", "chat:421", false},
		{"*", "", false},
		{"**", "", false},
		{"*", "\x00", true},
		{"a**", "a", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-c-b", false},
		{"*a*", "a", true},
		{"*?", "a", true},
		{"?*?", "a", false},
		{"?", "", false},
		{"h?llo", "hello", true},
		{"h?llo", "hllo", false},
		{"h[ae]llo", "hallo", true},
		{"h[ae]llo", "hillo", false},
		{"h[^e]llo", "hallo", true},
		{"h[^e]llo", "hello", false},
		{"[a-c]", "b", true},
		{"[c-a]", "b", true},
		{"[^c-a]", "b", false},
		{"[a-c]", "d", false},
		{"[a-]", "a", true}, // a range from a to ], never closed
		{"[a-]", "]", true},
		{"[a-]", "-", false},
		{"[a\\-c]", "-", true},
		{"[a\\-c]", "b", false},
		{"[\\]]", "]", true},
		{"[]]", "]", false}, // an empty set, then a ]
		{"[^]]", "a]", true},
		{"[ab", "b", true},
		{"[ab", "c", false},
		{"[^ab", "c", true},
		{"a[", "a[", false},
		{"a[^", "ax", true},
		{"[\\", "\\", true},
		{"[a\\", "\\", true},
		{"\\*", "*", true},
		{"\\*", "a", false},
		{"\\", "\\", true},
		{"a\\", "a\\", true},
		{"a\\", "a", false},
		{"\\a", "a", true},
		{"*\\", "x\\", true},
		{"[\x80-\xff]", "\x90", true},
		{"[a-\xff]", "b", false}, // signed: from -1 to 'a'
		{"[a-\xff]", "\x01", true},
		{"a\x00b", "a\x00b", true},
		{"a\x00b", "a", false},
	}
	for _, tt := range tests {
		if got := Match([]byte(tt.pattern), []byte(tt.s)); got != tt.want {
			t.Errorf("Match(%q, %q) = %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

func TestMatchStarLimit(t *testing.T) {
	s := []byte(strings.Repeat("a", 2*maxStars))
	for _, tt := range []struct {
		name    string
		pattern string
		want    bool
	}{
		{"at the limit", strings.Repeat("*a", maxStars), true},
		{"at the limit, star at the end", strings.Repeat("*a", maxStars) + "*", true},
		{"beyond", strings.Repeat("*a", maxStars+1), false},
		{"stars in a row count once", strings.Repeat("*", 5*maxStars) + "a", true},
	} {
		if got := Match([]byte(tt.pattern), s); got != tt.want {
			t.Errorf("%s: Match = %v, want %v", tt.name, got, tt.want)
		}
		if ref := redisMatch(tt.pattern, string(s)); ref != tt.want {
			t.Errorf("%s: the reference says %v, want %v", tt.name, ref, tt.want)
		}
	}
}

func TestLiteral(t *testing.T) {
	tests := []struct{ pattern, want string }{
		{"", ""},
		{"chat:42", "chat:42"},
		{"chat:*", "chat:"},
		{"chat:?x", "chat:"},
		{"chat:[a]", "chat:"},
		{"*", ""},
		{"a\\*b*", "a*b"},
		{"\\[x\\?", "[x?"},
		{"a\\", "a\\"},
		{"\\\\*", "\\"},
		{"a\\b\\", "ab\\"},
		{"a]b", "a]b"},
	}
	for _, tt := range tests {
		pattern := []byte(tt.pattern)
		if got := string(Literal(pattern)); got != tt.want {
			t.Errorf("Literal(%q) = %q, want %q", tt.pattern, got, tt.want)
		}
		if string(pattern) != tt.pattern {
			t.Errorf("Literal(%q) changed its argument to %q", tt.pattern, pattern)
		}
	}
}

// TestLiteralDoesNotLendItsTail proves that appending to a prefix leaves the pattern alone.
func TestLiteralDoesNotLendItsTail(t *testing.T) {
	pattern := []byte("chat:*")
	_ = append(Literal(pattern), 'x')
	if string(pattern) != "chat:*" {
		t.Errorf("the pattern became %q", pattern)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	pattern, s := []byte("chat:*[0-9]\\:x?"), []byte("chat:room-42:xy")
	if !Match(pattern, s) {
		t.Fatal("no match")
	}
	if n := testing.AllocsPerRun(100, func() { Match(pattern, s) }); n != 0 {
		t.Errorf("Match makes %v allocations, want 0", n)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("chat:*"), []byte("chat:42"))
	f.Add([]byte("*a*b[^c-a\\]]?"), []byte("xxaxxbdz"))
	f.Fuzz(func(t *testing.T, pattern, s []byte) {
		if len(pattern) > 1<<12 || len(s) > 1<<12 {
			return
		}
		got, want := Match(pattern, s), redisMatch(string(pattern), string(s))
		if got != want {
			t.Errorf("Match(%q, %q) = %v, Redis's algorithm says %v", pattern, s, got, want)
		}
		if prefix := Literal(pattern); got && !bytes.HasPrefix(s, prefix) {
			t.Errorf("%q matches %q, which does not begin with Literal's %q", pattern, s, prefix)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, bb := range []struct{ name, pattern, s string }{
		{"prefix", "chat:*", "chat:room-42"},
		{"infix", "chat:*:typing", "chat:room-42:typing"},
		{"hostile", strings.Repeat("a*", 50) + "b", strings.Repeat("a", 500)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			pattern, s := []byte(bb.pattern), []byte(bb.s)
			b.ReportAllocs()
			for b.Loop() {
				Match(pattern, s)
			}
			if n := testing.AllocsPerRun(10, func() { Match(pattern, s) }); n != 0 {
				b.Errorf("%v allocations, want 0", n)
			}
		})
	}
}

// redisMatch is a transcript of Redis's own recursive stringmatchlen: slower, and line by line comparable.
func redisMatch(pattern, s string) bool {
	skipLonger := false
	return redisMatchFrom(cString{pattern, 0}, s, &skipLonger, 0)
}

// cString is a C pointer into a NUL-terminated pattern.
type cString struct {
	text string
	pos  int
}

func (p cString) at(i int) byte {
	if p.pos+i >= len(p.text) {
		return 0
	}
	return p.text[p.pos+i]
}

func (p cString) left() int { return len(p.text) - p.pos }

func redisMatchFrom(p cString, s string, skipLonger *bool, nesting int) bool {
	if nesting > 1000 {
		return false
	}
	for p.left() != 0 && s != "" {
		switch p.at(0) {
		case '*':
			for p.left() != 0 && p.at(1) == '*' {
				p.pos++
			}
			if p.left() == 1 {
				return true
			}
			for s != "" {
				if redisMatchFrom(cString{p.text, p.pos + 1}, s, skipLonger, nesting+1) {
					return true
				}
				if *skipLonger {
					return false
				}
				s = s[1:]
			}
			*skipLonger = true
			return false
		case '?':
		case '[':
			p.pos++
			if !redisMatchSet(&p, s[0]) {
				return false
			}
		case '\\':
			if p.left() >= 2 {
				p.pos++
			}
			fallthrough
		default:
			if p.at(0) != s[0] {
				return false
			}
		}
		s = s[1:]
		p.pos++
		if s == "" {
			for p.at(0) == '*' {
				p.pos++
			}
			break
		}
	}
	return p.left() == 0 && s == ""
}

func redisMatchSet(p *cString, c byte) bool {
	not := p.at(0) == '^'
	if not {
		p.pos++
	}
	match := false
	for {
		if p.at(0) == '\\' && p.left() >= 2 {
			p.pos++
			if p.at(0) == c {
				match = true
			}
		} else if p.at(0) == ']' {
			break
		} else if p.left() == 0 {
			p.pos--
			break
		} else if p.left() >= 3 && p.at(1) == '-' {
			start, end := int8(p.at(0)), int8(p.at(2))
			if start > end {
				start, end = end, start
			}
			p.pos += 2
			if int8(c) >= start && int8(c) <= end {
				match = true
			}
		} else if p.at(0) == c {
			match = true
		}
		p.pos++
	}
	return match != not
}
