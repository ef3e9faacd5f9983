package history

// Announcements without Redis: which message is an entry.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMatch pairs announcements with what follows them. A line is what comes, and
// what it is taken for: an entry's first copy, another, or none.
func TestMatch(t *testing.T) {
	const first, again, none = "first", "copy", "none"
	type step struct{ announce, channel, pattern, want string }
	for name, steps := range map[string][]step{
		"by name": {
			{"c:1-1 p 1", "c", "", first},
			{"", "c", "", none}, // a plain one follows
			{"c:1-2 p 2", "c", "", first},
			{"c:1-3 p 3", "c", "", first},
		},
		"by name and two patterns": {
			{"c:1-1 p 1", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "y*", again},
			{"", "c", "", none}, // plain, thrice
			{"", "c", "x*", none},
			{"", "c", "y*", none},
			{"c:1-2 p 2", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "y*", again},
		},
		"by patterns alone": {
			{"c:1-1 p 1", "c", "x*", first},
			{"", "c", "y*", again},
			{"", "c", "x*", none},
			{"", "c", "y*", none},
		},
		"announced thrice": { // for the name and for two patterns
			{"c:1-1 p 1", "", "", ""},
			{"c:1-1 p 1", "", "", ""},
			{"c:1-1 p 1", "c", "", first},
			{"", "c", "x*", again},
		},
		"several at once": {
			{"c:1-1,1-2,1-3 p 1", "c", "", first},
			{"", "c", "", first},
			{"", "c", "", first},
			{"", "c", "", none}, // a plain one follows
			{"c:1-4,1-5 p 4", "c", "", first},
			{"c:1-6 p 6", "c", "", first}, // the message of 1-5 did not come
		},
		"several, by name and a pattern": {
			{"c:1-1,1-2 p 1", "", "", ""},
			{"c:1-1,1-2 p 1", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "", none},
			{"", "c", "x*", none},
		},
		"not announced": {
			{"", "c", "", none},
			{"", "c", "x*", none},
		},
		"announced for another": {
			{"d:1-1 p 1", "c", "", none},
			{"", "d", "", none}, // its message did not come
			{"c:1-1 p 1", "d", "", none},
			{"", "c", "", none},
		},
		"of the same ID": {
			{"c:1-1 p 1", "c", "", first},
			{"d:1-1 p 1", "d", "", first},
			{"c:1-1 p 2", "c", "", first},
		},
		"a prefix of the other": {
			{"c:1-1 p 1", "cc", "", none},
			{"cc:1-1 p 1", "c", "", none},
		},
		"garbage": {
			{"c:", "c", "", none},
			{"c:1-1", "c", "", none},
			{"c:1-1 p", "c", "", none},
			{"c:1-1 p x", "c", "", none},
			{"c:x p 1", "c", "", none},
			{"c:1-1,x p 1", "c", "", none},
			{"c:1-1, p 1", "c", "", none},
			{"c:0-0 p 1", "c", "", none},
			{"c:1-1 p -1", "c", "", none},
			{"c:1-1 p 18446744073709551616", "c", "", none},
			{"c:1-1 p 1 two words", "c", "", first},
			{"c:1-2 p 2 more than two", "c", "", first},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			for i, s := range steps {
				if s.announce != "" {
					channel, text, _ := cut(s.announce)
					r.tell(channel, "", text)
				}
				if s.want == "" {
					continue
				}
				got := none
				switch id, isFirst := r.announced.match(message(s.channel, s.pattern, "m")); {
				case !id.IsZero() && isFirst:
					got = first
				case !id.IsZero():
					got = again
				}
				if got != s.want {
					t.Errorf("step %d, %+v: taken for %s", i, s, got)
				}
			}
		})
	}
}

// cut splits at the first colon.
func cut(s string) (before, after string, ok bool) {
	for i := range s {
		if s[i] == ':' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// FuzzAccept: whatever is announced, by any publisher, each message is delivered at once or held,
// and none twice. The script is a line for each step: "a <announcement>", or "m" and
// "p" for a message by its name and by a pattern.
func FuzzAccept(f *testing.F) {
	f.Add("a 1-1 x 1\nm\np\na 1-2,1-3 x 2\nm\np\nm\np")
	f.Add("a 1-1 x 1\na 1-5 x 9\nm\nm\np")
	f.Add("a 1-1,0-0 x 1\nm")
	f.Add("a 2-1 x 18446744073709551615\nm\na 1-1 x 0\nm")
	f.Add("m\np\na 1-1 x 1 field\nm")
	f.Fuzz(func(t *testing.T, script string) {
		r := newRoom(t)
		r.patterns = []string{"x*"}
		r.stand(1)
		said := 0
		for line := range strings.Lines(script) {
			switch step, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); step {
			case "a":
				r.tell("c", "", text)
			case "m", "p":
				said++
				pattern := map[string]string{"p": "x*"}[step]
				r.accept(message("c", pattern, fmt.Sprint(said)))
			}
		}
		held := 0
		if c := r.channels.byName["c"]; c != nil {
			held = len(c.held)
		}
		if len(r.heard)+held != said {
			t.Errorf("of %d messages %d were heard and %d are held", said, len(r.heard), held)
		}
		heard := slices.Clone(r.heard)
		slices.Sort(heard)
		if len(slices.Compact(heard)) != len(r.heard) {
			t.Errorf("heard twice: %q", r.heard)
		}
	})
}
