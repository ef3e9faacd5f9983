// This file holds the automata of patterns to the regular expressions they are made from.

package schema

import (
	"regexp"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	texts := []string{
		"", "a", "b", "ab", "ba", "aab", "abb", "a\n", "\n", "a\nb", "A", "-", "a-b", "a--b", "-a", "AB-1234", "AB-123", "AB-1234567",
		"#12ab9F", "#12ab9g", "é", "aé", "K", "\u212a", "a b", "\x00", "\x7f", "xaab", "aaaaaaaaab", "c",
	}
	tests := []struct {
		text  string
		quick bool
	}{
		{`^a`, true},
		{`a$`, true},
		{`^$`, true},
		{`^`, true},
		{`$`, true},
		{``, true},
		{`a`, true},
		{`aab`, true},
		{`a|b$`, true},
		{`^(a|b)*$`, true},
		{`^(ab|a)(bb|b)?$`, true},
		{`(^a|b$)c?`, true},
		{`a$b`, true},
		{`(a|^)b`, true},
		{`[^a]`, true},
		{`.`, true},
		{`^.$`, true},
		{`(?s)^a.b$`, true},
		{`(?i)^k$`, true},
		{`^[A-Z]{2}-[0-9]{4,6}$`, true},
		{`^[a-z0-9]+(-[a-z0-9]+)*$`, true},
		{`^#[0-9a-fA-F]{6}$`, true},
		{`^\PM*\p{L}$`, true},
		{`[^\x00-\x{10FFFF}]`, true}, // nothing
		{`\bab\b`, false},
		{`(?m)^b$`, false},
		{`a[ab]{9}b`, false}, // many states
		{`^(a{0,9}){50}$`, false},
	}
	for _, tt := range tests {
		p := newPattern(regexp.MustCompile(tt.text))
		if (p.quick != nil) != tt.quick {
			t.Errorf("%s has an automaton: %v", tt.text, p.quick != nil)
		}
		for _, text := range texts {
			checkPattern(t, p, text)
		}
	}
}

func checkPattern(t *testing.T, p *pattern, text string) {
	t.Helper()
	if got, want := p.matches([]byte(text)), p.text.MatchString(text); got != want {
		t.Errorf("%s matches %q: %v; want %v", p.text, text, got, want)
	}
}

func FuzzPattern(f *testing.F) {
	for _, text := range []string{`^a`, `b$`, `(^a|b)+?c{2,3}$`, `(?i)k`, `[^a-c]*`, `a|^$|b.`, `(?s:.)a$`, `\b`, `a$b|c`} {
		f.Add(text, "abc")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		re, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > 100 {
			return
		}
		p := newPattern(re)
		for _, s := range []string{text, "", strings.Repeat("ab", 5), "a" + text, text + "\n"} {
			checkPattern(t, p, s)
		}
	})
}
