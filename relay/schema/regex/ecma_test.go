package regex

// This file tests that a pattern means in RE2 what it means in ECMA-262.

import (
	"regexp"
	"strings"
	"testing"
)

func TestTranslate(t *testing.T) {
	for _, tt := range []struct {
		pattern  string
		yes, not []string
	}{
		{`^a.c$`, []string{"abc", "aéc", "a😀c"}, []string{"a\nc", "a\rc", "a\u2028c", "ac"}},
		{`^\s$`, []string{" ", "\t", "\v", "\u00a0", "\ufeff", "\u2003", "\u2029"}, []string{"a", "\u200b", "\u0085"}},
		{`^\S$`, []string{"a", "é", "\u200b", "\u0085", "😀"}, []string{" ", "\v", "\u00a0", "\ufeff", "\u3000"}},
		{`^[\s\S]$`, []string{"\n", "a", "😀"}, nil},
		{`^[^\s,]+$`, []string{"ab"}, []string{"a\u00a0b", "a,b"}},
		{`^[^\S ]$`, []string{"\t"}, []string{" ", "a"}},
		{`^\d\w\D\W$`, []string{"1ax!"}, []string{"\u0661ax!", "1éx!"}},
		{`^\u0020\u{20}\x20\u00e4$`, []string{"   ä"}, nil},
		{`^\ud83d\ude00$`, []string{"😀"}, nil},
		{`^[\ud83d\ude00-\ud83d\ude4f]$`, []string{"😀"}, []string{"a"}},
		{`^\p{Letter}\p{Lu}\p{gc=Nd}$`, []string{"éA1"}, []string{"1A1"}},
		{`^[\p{Script=Greek}\p{sc=Cyrl}]+$`, []string{"αя"}, []string{"a"}},
		{`^\P{L}$`, []string{"1"}, []string{"a"}},
		{`^\cJ$`, []string{"\n"}, []string{"J"}},
		{`^[\b]$`, []string{"\b"}, []string{"b"}},
		{`^[]$`, nil, []string{"", "a"}},
		{`^[^]$`, []string{"\n", "😀"}, []string{""}},
		{`^[[a]$`, []string{"[", "a"}, []string{"]"}},
		{`^[a\-z]$`, []string{"-"}, []string{"b"}},
		{`^[-a]-[a-]$`, []string{"---", "a-a"}, nil},
		{`^[\w-.]$`, []string{"-", ".", "a"}, []string{","}},
		{`^\-\_\@\/\"\ $`, []string{`-_@/" `}, nil},
		{`^{a}]$`, []string{"{a}]"}, nil},
		{`^a{2,3}?b{1}$`, []string{"aab"}, []string{"ab"}},
		{`^(?<year>\d{4})$`, []string{"2026"}, nil},
		{`^a$`, []string{"a"}, []string{"a\n"}},
		{`^\0$`, []string{"\x00"}, nil},
		{`^(?:)$|^b\b`, []string{"", "b c"}, []string{"bc"}},
		// RE2's own.
		{`(?i)^abc$`, []string{"ABC"}, nil},
		{`^[[:alpha:]]$`, []string{"a"}, []string{":"}},
		{`\A(?P<x>a)\z`, []string{"a"}, nil},
		{`(?s)^.$`, []string{"\n"}, nil},
	} {
		re2, lacks := Translate(tt.pattern)
		if lacks != "" {
			t.Errorf("%s: RE2 lacks %s", tt.pattern, lacks)
			continue
		}
		expression, err := regexp.Compile(re2)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		for _, text := range tt.yes {
			if !expression.MatchString(text) {
				t.Errorf("%s, for RE2 %s, does not match %q", tt.pattern, re2, text)
			}
		}
		for _, text := range tt.not {
			if expression.MatchString(text) {
				t.Errorf("%s, for RE2 %s, matches %q", tt.pattern, re2, text)
			}
		}
	}
}

func TestTranslateSaysWhatRE2Lacks(t *testing.T) {
	for pattern, lacks := range map[string]string{
		`^(?=.*\d).+$`:               `look-around (?=…)`,
		`a(?!b)`:                     `look-around (?!…)`,
		`(?<=a)b`:                    `look-around (?<=…)`,
		`(?<!a)b`:                    `look-around (?<!…)`,
		`(a)\1`:                      `back-references \1`,
		`(?<q>['"]).*\k<q>`:          `back-references \k<q>`,
		`\p{Alphabetic}`:             `\p{Alphabetic}`,
		`\P{Script_Extensions=Grek}`: `\P{Script_Extensions=Grek}`,
		`^.{1,2048}$`:                `repetitions over 1000`,
		`^.{1,1000}$`:                ``,
	} {
		if _, got := Translate(pattern); got != lacks {
			t.Errorf("%s lacks %q; want %q", pattern, got, lacks)
		}
	}
}

// FuzzTranslate holds that RE2 takes what ECMA-262 takes, unless something is lacking.
func FuzzTranslate(f *testing.F) {
	for _, pattern := range []string{`^a.c$`, `[\s\S]`, `\u{1F600}`, `(?<a>b)\k<a>`, `[^]`, `a{2,}?`, `\p{L}`, `[\w-.]`, `{`, `(?i)a`} {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		strict := IsValid([]byte(pattern))
		re2, lacks := Translate(pattern)
		if !strict || lacks != "" || strings.ToValidUTF8(pattern, "") != pattern {
			return
		}
		if _, err := regexp.Compile(re2); err != nil && !strings.Contains(err.Error(), "repeat") &&
			!strings.Contains(err.Error(), "nest") && !strings.Contains(err.Error(), "large") {
			t.Errorf("%s, for RE2 %s: %v", pattern, re2, err)
		}
	})
}
