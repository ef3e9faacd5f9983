package config

// This file tests how mistakes of YAML are told: on the right line, with the way out.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSyntax marks the line at fault by #!, which is taken out.
func TestSyntax(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"indented less than its list":  {"a:\n  - b: 1\n   c: 2 #!\n  - d: 3\n", indentation},
		"a dash in another column":     {"a:\n  - b: 1\n    c: 2\n - d: 3 #!\ne: 1\n", indentation},
		"a key in another column":      {"a:\n  b: 1\n c: 2 #!\nd: 1\n", indentation},
		"a list among keys":            {"a: 1\nb: 2\n- c #!\n", indentation},
		"a key among items":            {"- a\nb: 1 #!\n", indentation},
		"behind a quote":               {"a:\n  c: 1\n  b: 'x' y #!\n  d: 1\n", behindQuote},
		"a quote in quotes":            {"a: 1\nb: 'it's' #!\nc: 1\n", behindQuote},
		"two colons":                   {"a: 1\nb:\n  c: x: y #!\n", "put the value in quotes"},
		"indented deeper":              {"a:\n  b: 1\n    c: 2 #!\n", "it is indented deeper than the key above it"},
		"no space behind the colon":    {"a:1\nb: 2 #!\n", "lacks a colon and the space behind that"},
		"no colon":                     {"a: 1\nb #!\nc: 1\n", "a key without its colon"},
		"no space behind the dash":     {"a:\n  - b\n  -c #!\nd: 1\n", "a dash without the space behind it"},
		"a list behind its key":        {"a: 1\nb: - c #!\n", "begin the list on a line of its own"},
		"a quote left open":            {"a: 1\nb: \"chat: #!\nc: 1\n", "a quote is opened here and not closed"},
		"a bracket left open":          {"a: 1\nb: [1, 2 #!\nc: 1\n", "lacks a comma or its ]"},
		"a brace left open":            {"a: 1\nb: {c: 1 #!\nd: 1\n", "lacks a comma or its }"},
		"behind lists of many lines":   {"a: [\n  1,\n  2\n]\nb: x: y #!\n", "put the value in quotes"},
		"a bracket too many":           {"a: 1\nb: [1]] #!\n", indentation},
		"a tab":                        {"a:\n\tb: 1 #!\n", "indent with spaces, not with tabs"},
		"a tab behind a value":         {"a: 1\n\tb: 1 #!\n", "indent with spaces, not with tabs"},
		"a star":                       {"a: 1\nb: * #!\n", quoteIt},
		"a star and a name":            {"a: 1\nb: *chat #!\nc: 1\n", quoteIt},
		"an at sign":                   {"a: 1\nb: @x #!\n", quoteIt},
		"a percent sign":               {"a: 1\nb: %x #!\n", quoteIt},
		"an exclamation mark":          {"a: 1\nb: !x!y z #!\n", quoteIt},
		"a backslash in double quotes": {"a: 1\nb: \"\\x\" #!\nc: 1\n", "for a backslash"},
		"a control character":          {"a: 1\nb: 2\x01 #!\n", encoding},
		"not UTF-8":                    {"a: 1\nb: \xff #!\n", encoding},
	} {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(c.text, "\n")
			fault := 1 + slices.IndexFunc(lines, func(line string) bool { return strings.HasSuffix(line, " #!") })
			at := inFile("f")
			_, err := parse(at, []byte(strings.Replace(c.text, " #!", "", 1)))
			if !errors.Is(err, ErrSyntax) || !strings.HasPrefix(err.Error(), at(fault)+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want line %d and %q", err, fault, c.want)
			}
		})
	}
}

// TestSyntaxOfLargeFiles: the line is not looked for at any price.
func TestSyntaxOfLargeFiles(t *testing.T) {
	text := strings.Repeat("a:\n- b: c\n", maxFile/20) + "d: e: f\n"
	if _, err := parse(inFile("f"), []byte(text)); !errors.Is(err, ErrSyntax) {
		t.Errorf("got %v", err)
	}
}

// TestSyntaxOfAVariable has a line only where there are several.
func TestSyntaxOfAVariable(t *testing.T) {
	_, err := Load(Source{Env: []string{"RELAY_ROUTES=[{prefix: a"}})
	if err == nil || !strings.HasPrefix(err.Error(), "RELAY_ROUTES: the mapping that begins with { lacks") {
		t.Errorf("got %v", err)
	}
}

// TestReadReportsShapesAndValues: a mistake of shape hides none of value, and causes none.
func TestReadReportsShapesAndValues(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // the beginnings of the lines behind the file's name
	}{
		"both": {
			"redis: {url: redis://h, unknwn: 1}\nlog: {level: loud}\nroutes:\n- {prefix: ''}\n- {prefix: 1, slow: quit}\n",
			[]string{
				":1: redis.unknwn: unknown key", ":5: routes[1].prefix: expected text",
				":2: log.level: ", ":4: routes[0].prefix: must not be empty", ":5: routes[1].slow: ",
			},
		},
		"a misspelt key":     {"redis: {uri: redis://h}\nunrouted: maybe", []string{":1: redis.uri: ", ":2: unrouted: "}},
		"a misspelt group":   {"rediss: {url: redis://h}\nunrouted: maybe", []string{":1: rediss: ", ":2: unrouted: "}},
		"a group that is no": {"redis: redis://h\nunrouted: maybe", []string{":1: redis: ", ":2: unrouted: "}},
		"a route that is no": {
			"redis: {url: redis://h}\nroutes:\n- chat\n- {prefix: 'a:', slow: quit}",
			[]string{":3: routes[0]: ", ":4: routes[1].slow: "},
		},
		"a list that is no": {"redis: {url: redis://h}\nsocket: {allow_uids: [1, x], mode: '9'}", []string{
			":2: socket.allow_uids[1]: ", ":2: socket.mode: ",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			_, err := Read(Source{Path: path})
			if err == nil {
				t.Fatal("valid")
			}
			got := strings.Split(err.Error(), "\n")
			for i := range max(len(got), len(c.want)) {
				if i >= len(got) || i >= len(c.want) || !strings.HasPrefix(got[i], path+c.want[i]) {
					t.Fatalf("got:\n%v\nwant %q", err, c.want)
				}
			}
		})
	}
}

func TestLocate(t *testing.T) {
	cfg := mustLoad(t, "redis:\n  url: redis://h\n  tls: {ca: gone}\nroutes:\n- {prefix: a}\n", "RELAY_SOCKET_GROUP=g")
	errGone := errors.New("socket.path: gone")
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("redis.tls.ca: open gone"), cfg.File + ":3: redis.tls.ca: open gone"},
		{errors.New("routes[0].schema: no"), cfg.File + ":5: routes[0].schema: no"},
		{errors.New("socket.group: no"), "RELAY_SOCKET_GROUP: socket.group: no"},
		{errors.New("http.listen: no"), "http.listen: no"},
		{errors.New(`load "a.json": no`), `load "a.json": no`},
		{errors.Join(errors.New("redis.url: a"), errors.New("b")), cfg.File + ":2: redis.url: a\nb"},
	} {
		if got := cfg.Locate(c.err); got.Error() != c.want {
			t.Errorf("got %v, want %s", got, c.want)
		}
	}
	if got := cfg.Locate(fmt.Errorf("redis.url: %w", errGone)); !errors.Is(got, errGone) {
		t.Errorf("%v has lost its cause", got)
	}
	if cfg.Locate(nil) != nil {
		t.Error("nothing has a place")
	}
}
