package config

// The schema for editors, held to what Load takes and refuses. The relay's own checker judges.

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"redis-relay/relay/schema"
)

// editorChecker is the schema, ready to check with.
func editorChecker(t *testing.T) *schema.Checker {
	t.Helper()
	text, err := os.ReadFile(editorSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil { // a name that is loaded
		t.Fatal(err)
	}
	set, err := schema.Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	checker, err := set.Checker("config.json", "")
	if err != nil {
		t.Fatal(err)
	}
	return checker
}

// checkYAML checks a text as an editor does, which sees null in an empty file.
func checkYAML(t *testing.T, checker *schema.Checker, text string) error {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	payload, err := json.Marshal(tree)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	_, err = checker.Check(payload)
	return err
}

func TestEditorSchemaTakesWhatIsShipped(t *testing.T) {
	checker := editorChecker(t)
	files, err := filepath.Glob("../examples/*/relay.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %q, %v", files, err)
	}
	for _, file := range append(files, shipped, "../examples/kubernetes/base/relay.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkYAML(t, checker, string(text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestShippedFileNamesItsSchema: editors read the first line, and take the path from the file's folder.
func TestShippedFileNamesItsSchema(t *testing.T) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	name, found := strings.CutPrefix(first, "# yaml-language-server: $schema=")
	if !found || filepath.Join(filepath.Dir(shipped), name) != editorSchemaFile {
		t.Errorf("the first line is %q", first)
	}
}

func TestEditorSchemaTakesWhatLoadTakes(t *testing.T) {
	checker := editorChecker(t)
	for _, text := range []string{
		"", "redis:\nlimits:\n  queue:\nroutes:\n",
		"redis: {publish_timeout: 1s, probe_interval: 1h2m3.5s, alert_after: 1, tls: {ca: a, cert: b, key: c}}",
		"redis: {credentials: {command: [a, b], refresh: 1m}}",
		"redis: {mode: cluster, url: 'redis://h?addr=h2:1'}", "upstreams: {eu: {url: 'redis://h', mode: sentinel, tls: {ca: a}, required: true}, us: }", "upstreams:",
		"upstreams: {main: {url: 'redis://h'}, eu: {}}\nroutes: [{prefix: 'a:', upstream: eu}]",
		"limits: {queue_age: 500ms, command_timeout: .5s, queue: 8388608, payload: '100', memory: 1TiB, name: 64KB}",
		"limits: {pattern_prefixes: ['chat:', 'x'], pattern_length: 3B}",
		"socket: {mode: '660', allow_uids: [0, 4294967295], allow_gids: []}",
		"schemas: folder", "schemas: {dir: x, draft: 7}", "schemas: {draft: 2019-09}", "schemas: {draft: '4'}", "schemas:",
		"log: {level: debug, format: json}\nunrouted: deny\nhttp: {listen: ''}",
		"routes: [{prefix: 'a:', history: {length: 5, ttl: 72h}, kinds: {k: {history: null, slow: drop}, l: }}]",
		"routes: [{prefix: 'a:', rate: {limit: 0.5, burst: 1, alert: 1e3}, slow: latest, latest_by: id, on_gap: notify}]",
		"routes: [{prefix: 'a:', schema: [a.json, b.json], evolve: full}, {prefix: 'b:', schema: [c.json]}]",
		"routes: [{prefix: 'a:', deliver: one, invalid: log, kind: k, publish: false, subscribe_uids: [1], nats: }]",
		"routes: [{prefix: 'a:', history: {length: 5}, kinds: {k: {history: {ttl: 1h}}}}]",
		"routes:\n- &r {prefix: 'a:', rate: {limit: 5}}\n- {<<: *r, prefix: 'b:'}\n",
		"routes: [{prefix: 'a:', invalid: {reject: true, dead_letter: d}, too_large: {dead_letter: d}, redis_refused: }]",
		"dead_letters: {length: 5, ttl: 1h, rate: 0.5}",
		Default().String(),
	} {
		if _, err := Load(Source{Path: write(t, text)}); err != nil {
			t.Errorf("Load refuses %q: %v", text, err)
		}
		if err := checkYAML(t, checker, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEditorSchemaRefusesWhatLoadRefuses(t *testing.T) {
	checker := editorChecker(t)
	for _, text := range []string{
		// Unknown keys.
		"redis: {uri: x}", "zzz: 1", "log: {Level: info}", "limits: {que: 1}", "nats: {leaf: {uri: x}}", "schemas: {folder: x}",
		"redis: {tls: {cat: x}}", "redis: {credentials: {command: [[a]]}}", "upstreams: {eu: {uri: x}}", "upstreams: []", "upstreams: {eu: 'redis://h'}",
		"routes: [{prefix: 'a:', upstream: 1}]", "upstreams: {eu: {alert_after: 2.5}}", "socket: {pth: x}", "http: {port: 1}",
		"routes: [{prefix: 'a:'}, {prefx: 'b:'}]", "routes: [{prefix: 'a:', kinds: {k: {slo: drop}}}]",
		"routes: [{prefix: 'a:', kinds: {k: {schema: x.json}}}]", "routes: [{prefix: 'a:', history: {size: 5}}]",
		"routes: [{prefix: 'a:', rate: {max: 5}}]", "routes: [{prefix: 'a:', invalid: {rejects: true}}]",
		"routes: [{prefix: 'a:', too_large: {stream: x}}]",
		// Wrong types.
		"[]", "text", "redis: []", "routes: {}", "routes: x", "socket: x", "schemas: 5", "schemas: []", "log: {level: [info]}",
		"limits: {clients: many}", "limits: {queue: 8XB}", "limits: {queue: 8 MiB}", "limits: {payload: 1.5}",
		"limits: {payload: -1KiB}", "limits: {pattern_prefixes: x}", "limits: {pattern_prefixes: [1]}",
		"redis: {publish_timeout: 5}", "redis: {publish_timeout: 5x}", "redis: {alert_after: 2.5}", "redis: {url: 12345}",
		"redis: {publish_timeout: ''}", "limits: {queue: ''}", "socket: {mode: 0660}", "socket: {allow_uids: [-1]}",
		"socket: {allow_uids: [4294967296]}", "socket: {allow_uids: [x]}", "socket: {allow_gids: [~]}", "socket: {allow_gids: 5}",
		"routes: [~]", "routes: [x]", "routes: [{prefix: 5}]", "routes: [{prefix: 'a:', publish: 'yes'}]",
		"routes: [{prefix: 'a:', rate: {limit: fast}}]", "routes: [{prefix: 'a:', rate: {burst: 1.5}}]",
		"routes: [{prefix: 'a:', history: 100}]", "routes: [{prefix: 'a:', history: {length: 1.5}}]",
		"routes: [{prefix: 'a:', history: {ttl: 72}}]", "routes: [{prefix: 'a:', kinds: []}]",
		"routes: [{prefix: 'a:', kinds: {k: drop}}]", "routes: [{prefix: 'a:', publish_uids: 7}]",
		"routes: [{prefix: 'a:', schema: []}]", "routes: [{prefix: 'a:', schema: [5]}]", "routes: [{prefix: 'a:', schema: {}}]",
	} {
		if _, err := Load(Source{Path: write(t, text)}); !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrType) {
			t.Errorf("Load says %v to %q", err, text)
		}
		if checkYAML(t, checker, text) == nil {
			t.Errorf("takes %q", text)
		}
	}
	// Words, and what Validate refuses by its form alone.
	for _, text := range []string{
		"redis: {mode: single2}", "log: {level: trace}", "log: {format: xml}", "unrouted: no",
		"schemas: {draft: 5}", "schemas: {draft: x}", "socket: {mode: '0999'}", "routes: [{schema: x}]", "routes: [{prefix: ''}]",
		"routes: [{prefix: 'a:', slow: wait}]", "routes: [{prefix: 'a:', kinds: {k: {on_gap: x}}}]",
		"routes: [{prefix: 'a:', deliver: two}]", "routes: [{prefix: 'a:', invalid: drop}]", "routes: [{prefix: 'a:', evolve: up}]", "limits: {clients: -1}",
		"dead_letters: {length: 0}",
		"redis: {alert_after: 0}", "limits: {clients: 0}", "limits: {publish_window: 0}", "routes: [{prefix: 'a:', history: {}}]",
		"routes: [{prefix: 'a:', history: {ttl: 1h}}]", "routes: [{prefix: 'a:', history: {length: 0}}]",
		"routes: [{prefix: 'a:', history: {length: }}]", "routes: [{prefix: 'a:', kinds: {k: {history: {length: 0}}}}]",
	} {
		if _, err := Read(Source{Path: write(t, text), Env: []string{"RELAY_REDIS_URL=redis://h"}}); err == nil {
			t.Errorf("Read takes %q", text)
		}
		if checkYAML(t, checker, text) == nil {
			t.Errorf("takes %q", text)
		}
	}
}

// TestEditorSchemaSaysWhatEachKeyIsFor: an editor shows the text beside the key.
func TestEditorSchemaSaysWhatEachKeyIsFor(t *testing.T) {
	text, err := os.ReadFile(editorSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	described := 0
	var look func(at string, node map[string]any)
	look = func(at string, node map[string]any) {
		properties, _ := node["properties"].(map[string]any)
		for name, property := range properties {
			p := property.(map[string]any)
			if p["description"] == "" || p["description"] == nil {
				t.Errorf("%s.%s has no description", at, name)
			}
			described++
			look(at+"."+name, p)
		}
	}
	look("", root)
	for name, definition := range root["definitions"].(map[string]any) {
		look(name, definition.(map[string]any))
	}
	if least := len(Keys()) + len(RouteKeys()); described < least {
		t.Errorf("describes %d keys of at least %d", described, least)
	}
}
