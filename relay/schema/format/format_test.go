package format

// This file holds the formats to what others say about them, and to time that grows with the text alone.

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var formatTexts = []string{
	"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456+23:59", "2026-01-02t03:04:05z", "2026-01-02 03:04:05Z",
	"2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T23:59:60Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05+0100",
	"0000-01-01", "9999-12-31", "2026-02-28", "2026-02-29", "2024-02-29", "2026-02-30", "2026-04-30", "2026-04-31",
	"2026-13-01", "2026-00-01", "2026-01-00", "2026-01-32", "2026-1-01", "+026-01-01", "2026-01-0\u0661",
	"00:00:00Z", "23:59:59-00:00", "23:59:59-24:00", "12:00:00", "12:00:00.5", "12:00:00.", "+1:00:00Z", "",
	"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "123e4567e89b12d3a456426614174000",
	"127.0.0.1", "255.255.255.255", "0.0.0.0", "256.0.0.1", "01.0.0.1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", "1..2.3",
	"example.com", "a", "web-1.a-b.example", "-a.b", "a.-b", "a-.b", "a.b-", "a..b", ".a", "a.", "a_b", "k\u00f6ln.de",
	strings.Repeat("a", 63) + ".b", strings.Repeat("a", 64) + ".b", strings.Repeat("a.", 126) + "a", strings.Repeat("a.", 127) + "a",
	"ann@example.com", "ann.lee+x=y@a", "a.@b", ".a@b", "a..b@c", "@b", "a@", "a@b@c", "a b@c", "a(x)@b", "a,b@c", "a@[127.0.0.1]",
	`"a b"@c`, "<a@b>", "a@b.", "a@b-", "ann@k\u00f6ln.de", strings.Repeat("a", 64) + "@b", strings.Repeat("a", 65) + "@b",
	"a@" + strings.Repeat("a.", 125) + "a", "a@" + strings.Repeat("a.", 126) + "a",
	"https://example.com", "http://a:80/b/c?d=e&f#g", "http://a/%41%zz", "http://a/%4", "http://a?%zz", "http://a#%zz", "http://a#b#c",
	"http://a:/", "http://a:b", "http://a:80b", "http://a b", "http://a/ b", "http://a/[", "http://u:p@h/", "http://", "http:///a",
	"://a", "1a://b", "a1://b", "//a", "/a", "a:b", "urn:a:b", "http://-/", "http://./", "http://a/\\", "http://[::1]/", "http://k\u00f6ln",
	"123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a456-42661417400\x00",
}

// others are the implementations of testdata/cases.json, in the order of its columns.
const (
	ajvFormats = iota
	ajvFormats2019
	pythonJSONSchema
)

// differing says where we decide otherwise than another implementation, and why.
var differing = []struct {
	format string
	other  int
	ours   bool
	text   string // a regular expression; empty: any text
	why    string
}{
	{"date", pythonJSONSchema, true, `^0000`, "RFC 3339: a year is any four digits"},
	{"date-time", pythonJSONSchema, true, `:60`, "RFC 3339 5.6: a leap second is a time"},
	{"duration", ajvFormats, false, `^P\d+Y\d+D`, "RFC 3339 A: a year is followed by months, if by anything"},
	{"duration", ajvFormats2019, false, `^P\d+Y\d+D`, "the same"},
	{"duration", pythonJSONSchema, false, `^P\d+Y\d+D`, "the same"},
	{"duration", pythonJSONSchema, false, `[+,]`, "RFC 3339 A: numbers are digits alone"},
	{"duration", pythonJSONSchema, false, `\dT`, "RFC 3339 A: each number has a unit"},
	{"email", ajvFormats, true, `^"`, "RFC 5321 4.1.2: the local part may be in quotes"},
	{"email", ajvFormats, true, `@\[`, "RFC 5321 4.1.3: an address may stand for the domain"},
	{"email", ajvFormats, true, `@[^.]+$`, "RFC 5321 4.1.2: a domain may have one label"},
	{"email", ajvFormats2019, true, `@([^.]+|.*\.[^.])$`, "RFC 5321 4.1.2: so it may, and a label one letter"},
	{"email", ajvFormats2019, false, `[^ -~]`, "RFC 5321 is for ASCII; this is its idn-email"},
	{"hostname", ajvFormats, false, `\.$`, "RFC 1123 2.1: no dot ends a name"},
	{"hostname", ajvFormats, false, `xn--`, "RFC 5891 4.4: an A-label stands for a valid U-label"},
	{"hostname", pythonJSONSchema, false, `\.$|xn--`, "both the same"},
	{"hostname", pythonJSONSchema, false, `[^ -~]`, "RFC 1123 2.1: digits of ASCII"},
	{"idn-email", ajvFormats2019, true, `@([^.]+|.*\.[^.])$`, "RFC 5321 4.1.2: one label is enough"},
	{"idn-email", ajvFormats2019, false, "@.*[\u2603\U0001f600\u2028\u0661\u200d]", "RFC 6531: a domain has U-labels, RFC 5892"},
	{"idn-hostname", ajvFormats2019, false, ``, "it only encodes; python-jsonschema checks RFC 5891 to 5893 as we do"},
	{"iri", ajvFormats2019, false, ``, "it takes what JavaScript's URL takes; python-jsonschema has the grammar of RFC 3987, as we do"},
	{"iri", ajvFormats2019, true, ``, "it knows a list of schemes"},
	{"iri", pythonJSONSchema, true, `\[|[\x{10000}-\x{10ffff}]`, "RFC 3987 2.2: IP literals, and letters of all planes"},
	{"iri-reference", ajvFormats2019, false, ``, "as for iri"},
	{"iri-reference", pythonJSONSchema, true, `[\x{10000}-\x{10ffff}]`, "RFC 3987 2.2: letters of all planes"},
	{"relative-json-pointer", ajvFormats, true, `^\d+[+-]\d`, "draft-bhutton-relative-json-pointer-00 3: an index may be shifted"},
	{"relative-json-pointer", pythonJSONSchema, true, `^\d+[+-]\d`, "the same"},
	{"uri", ajvFormats, false, `@.*@`, "RFC 3986 3.2.1: one sign divides user and host"},
	{"uri", ajvFormats, true, `^x:$`, "RFC 3986 3: a path may be empty"},
	{"uri-reference", ajvFormats, false, `^[^/?#]*:`, "RFC 3986 4.2: no colon in the first segment of a relative path"},
	{"uri-reference", ajvFormats, false, `"|\[|^//.*!h:80/`, "RFC 3986 2: no such characters in paths, and ports are digits"},
	{"uri-template", ajvFormats, true, `'`, "RFC 6570, erratum 6937"},
	{"uri-template", ajvFormats, true, `\{\w+\.`, "RFC 6570 2.3: dots divide names"},
	{"uri-template", pythonJSONSchema, false, ``, "it looks at expressions only, and not at all of them"},
	{"uri-template", pythonJSONSchema, true, `\{%41|\{=`, "RFC 6570 2.2, 2.3: reserved operators, and encoded letters"},
	{"uuid", ajvFormats, false, `^urn:uuid:`, "RFC 4122 3: that is a URN, which holds a UUID"},
}

// TestFormatsAgainstOthers fails where we decide otherwise than another implementation, unless differing says why.
func TestFormatsAgainstOthers(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]map[string]string
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	used := make([]bool, len(differing))
	for name, texts := range cases {
		for text, verdicts := range texts {
			ours := Of(name).Accepts([]byte(text))
			for other, verdict := range verdicts {
				if verdict == '-' || (verdict == '1') == ours {
					continue
				}
				if !isArgued(name, text, ours, other, used) {
					t.Errorf("%s, %+q: %v; implementation %d says otherwise", name, text, ours, other)
				}
			}
		}
	}
	for i, d := range differing {
		if !used[i] {
			t.Errorf("no case differs as this says: %+v", d)
		}
	}
	for name := range formats {
		if len(cases[name]) == 0 && name != "ip-address" && name != "uriref" && name != "period" {
			t.Errorf("there are no cases of %s", name)
		}
	}
}

func isArgued(name, text string, ours bool, other int, used []bool) bool {
	argued := false
	for i, d := range differing {
		if d.format == name && d.ours == ours && d.other == other && regexp.MustCompile(d.text).MatchString(text) {
			used[i], argued = true, true
		}
	}
	return argued
}

// TestFormatsTakeLinearTime fails for a format whose time grows with the square of the text, or worse.
func TestFormatsTakeLinearTime(t *testing.T) {
	const size, bound = 1 << 17, 2 * time.Second
	pieces := []string{
		"a", "a.", "(", "(a", "[", "{", "{a", "{a,", "@", "a@", ":", "1:", "/", "~0", "%41", "\u00fc", "\u00fc.", "xn--a.", `\`, `\u`,
		"(?<a>", "P1Y", "1", "a{1}", "a{1", `\1`, `\p{L}`, `[a-]`,
	}
	for name := range formats {
		for _, piece := range pieces {
			text := []byte(strings.Repeat(piece, size/len(piece)))
			for _, before := range []string{"", `"`, "http://", "{", "a@", "P", "["} {
				start := time.Now()
				Of(name).Accepts(append([]byte(before), text...))
				if took := time.Since(start); took > bound {
					t.Errorf("%s takes %v for %d bytes of %s%s...", name, took, size, before, piece)
				}
			}
		}
	}
}

// FuzzFormats shows that no format panics, and that none depends on what stands behind the text in memory.
func FuzzFormats(f *testing.F) {
	for _, text := range formatTexts {
		f.Add([]byte(text))
	}
	for _, text := range []string{"a@[IPv6:::1]", "[]", "a.", ".", "http://[::1", "{a{b}}", "P1Y/P1Y", "0#", "/~", "a@b", "("} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, is := range formats {
			if got, want := is.Accepts(slices.Clip(text)), is.Accepts(append(slices.Clone(text), "0Z/"...)[:len(text)]); got != want {
				t.Errorf("%s accepts %q: %v and %v", name, text, got, want)
			}
		}
	})
}

func TestFormatsDoNotAllocate(t *testing.T) {
	for name, text := range map[string]string{
		"date-time": "2026-01-02T03:04:05.123456+23:59", "uuid": "123e4567-e89b-12d3-a456-426614174000",
		"email": "ann.lee+x@mail.example.com", "uri": "https://[::1]:80/a/b?c=d#e", "iri": "https://\u00fc/", "uri-reference": "../a?b",
		"uri-template": "https://x.y{/b,c}{?q*}", "hostname": "www.example.com", "ipv4": "127.0.0.1", "ipv6": "2001:db8::1.2.3.4",
		"date": "2024-02-29", "time": "23:59:60Z", "duration": "P1Y2M3DT4H5M6S", "json-pointer": "/a~1b", "relative-json-pointer": "0/a",
	} {
		payload := []byte(text)
		n := testing.AllocsPerRun(1000, func() {
			if !Of(name).Accepts(payload) {
				t.Fatalf("%s is no %s", text, name)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
