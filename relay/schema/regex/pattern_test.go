package regex

// This file holds the automata of patterns to the regular expressions they are made from.

import (
	"math"
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
		p := New(regexp.MustCompile(tt.text))
		if (p.quick != nil) != tt.quick {
			t.Errorf("%s has an automaton: %v", tt.text, p.quick != nil)
		}
		for _, text := range texts {
			checkPattern(t, p, text)
		}
	}
}

func checkPattern(t *testing.T, p *Pattern, text string) {
	t.Helper()
	left := math.MaxInt
	if got, want := p.Matches([]byte(text), &left), p.text.MatchString(text); got != want {
		t.Errorf("%s matches %q: %v; want %v", p.text, text, got, want)
	}
}

// TestPatternTakesSteps holds the steps of a pattern against what it has to read.
func TestPatternTakesSteps(t *testing.T) {
	const many = 1000
	text := func(piece string) string { return strings.Repeat(piece, many/len(piece)) }
	for _, tt := range []struct {
		pattern, text string
		bytes         int // that the automaton reads
		falls         bool
	}{
		{`^a*$`, text("a"), many, false},
		{`^a*$`, "ab" + text("a"), 2, false}, // decided by then
		{`ab`, "aab" + text("a"), 4, false},
		{`^$`, "", 0, false},
		{`^[^b]*$`, "a" + text("é"), 1, true},
		{`\ba`, text("b"), -1, true}, // has none
	} {
		p := New(regexp.MustCompile(tt.pattern))
		want := tt.bytes + 1
		if tt.falls {
			want += p.steps * (len(tt.text) + 1)
		}
		left := many * many
		p.Matches([]byte(tt.text), &left)
		if took := many*many - left; took != want {
			t.Errorf("%s, %.10s...: %d steps; want %d", tt.pattern, tt.text, took, want)
		}
		left = tt.bytes
		if p.Matches([]byte(tt.text), &left); left >= 0 {
			t.Errorf("%s, %.10s...: one step less is enough", tt.pattern, tt.text)
		}
		left = -1
		if p.Matches([]byte(tt.text), &left) || left != -1 {
			t.Errorf("%s, %.10s...: goes on without steps", tt.pattern, tt.text)
		}
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
		p := New(re)
		for _, s := range []string{text, "", strings.Repeat("ab", 5), "a" + text, text + "\n"} {
			checkPattern(t, p, s)
		}
	})
}
