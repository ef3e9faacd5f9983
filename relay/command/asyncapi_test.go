package command

// Printing an AsyncAPI document, and starting from one.

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestAsyncAPIAndBack: what asyncapi prints, init makes into a configuration that prints the same.
func TestAsyncAPIAndBack(t *testing.T) {
	t.Parallel()
	s := newShippedScene(t)
	url := []string{"RELAY_REDIS_URL=redis://u:s3cret@redis.example:6390/4"}
	for _, format := range []string{"yaml", "json"} {
		printed := s.run(url, "asyncapi", "--format", format)
		printed.expect(t, exitOK, "chat:{name}", "redis.example:6390")
		if strings.Contains(printed.stdout, "s3cret") || strings.Contains(printed.stdout, "u:") {
			t.Error("it has credentials")
		}
		if format == "json" && !json.Valid([]byte(printed.stdout)) {
			t.Error("it is no JSON")
		}
		s.write("doc."+format, printed.stdout)
		s.run([]string{}, "init", "--asyncapi", "doc."+format, "--config", format+"/relay.yaml").expect(t, exitOK,
			"wrote "+format+"/relay.yaml\n", "wrote "+format+"/schemas/chat.json\n", "redis.url is the document's server")
		s.run([]string{}, "check", "--config", format+"/relay.yaml").expect(t, exitOK, "redis://redis.example:6390/4", "\nchat:      chat.json", "\nok\n")
		again := s.run(url, "asyncapi", "--config", format+"/relay.yaml", "--format", format)
		if again.stdout != printed.stdout {
			t.Errorf("%s: it was\n%s\nand is\n%s", format, printed.stdout, again.stdout)
		}
	}
}

func TestAsyncAPIRefuses(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{
		"relay.yaml":     "routes:\n  - prefix: 'a{b'\n",
		"bad.yaml":       "routes:\n  - prefix: 'a:'\n    schema: gone.json\n",
		"dynamic.yaml":   "routes: [{prefix: 'a:', schema: d.json}]",
		"schemas/d.json": `{"$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}`,
		"doc.yaml":       "asyncapi: 3.0.0\nchannels:\n  a:\n    address: '{x}:a'\n",
		"fine.yaml":      "asyncapi: 3.0.0\nchannels:\n  a:\n    address: 'a:{x}'\n",
	})
	s.run(nil, "asyncapi").expect(t, exitFailed, `relay.yaml:2: routes[0].prefix: "a{b" has braces, which mark parameters`)
	s.run(nil, "asyncapi", "--config", "bad.yaml").expect(t, exitFailed, "bad.yaml:3: routes[0].schema: ", "gone.json")
	s.run(nil, "asyncapi", "--config", "dynamic.yaml").expect(t, exitFailed, `"d.json": /items/$dynamicRef leads to different schemas`)
	s.run(nil, "asyncapi", "--format", "xml").expect(t, exitUsage, `--format: "xml" is not known; write yaml or json`)
	s.run(nil, "asyncapi", "x").expect(t, exitUsage, `unexpected argument "x"`)
	s.run(nil, "init", "--asyncapi", "doc.yaml", "--config", "new.yaml").expect(t, exitFailed, "nothing was written",
		`doc.yaml:4: channels/a/address: "{x}:a" begins with a parameter`)
	s.run(nil, "init", "--asyncapi", "gone.yaml", "--config", "new.yaml").expect(t, exitFailed, "gone.yaml: no such file or directory")
	s.run(nil, "init", "--asyncapi", "fine.yaml", "--prefix", "a:").expect(t, exitUsage, "leave out --prefix and --schema-from")
	s.run(nil, "init", "--asyncapi", "fine.yaml").expect(t, exitFailed, "relay.yaml is there already, and nothing was written")
}

// TestDocumentsOfOthersAreNotTrusted: what init prints neither controls a terminal nor does harm in a shell.
func TestDocumentsOfOthersAreNotTrusted(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{
		"shell.yaml":  "asyncapi: 3.0.0\nchannels: {a: {address: \"$(touch /tmp/x)'{x}\"}}\n",
		"letter.yaml": "asyncapi: 3.0.0\nchannels: {a: {address: \"a\\e[2J{x}\"}, \"b\\e[2J\": {address: b}}\n",
		"wrong.yaml":  "asyncapi: 3.0.0\nchannels: {\"a\\e[2J\": {}}\n",
	})
	s.run(nil, "init", "--asyncapi", "shell.yaml", "--config", "1/relay.yaml").expect(t, exitOK,
		`redis-cli -s relay.sock subscribe '$(touch /tmp/x)'\''1'`)
	for file, code := range map[string]int{"letter.yaml": exitOK, "wrong.yaml": exitFailed} {
		told := s.run(nil, "init", "--asyncapi", file, "--config", file+".d/relay.yaml")
		if told.expect(t, code, `\x1b`); strings.Contains(told.stdout+told.stderr, "\x1b") {
			t.Errorf("%s: %q %q", file, told.stdout, told.stderr)
		}
	}
}
