package asyncapi_test

// Documents that others wrote.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/asyncapi"
	"redis-relay/relay/explain"
)

// verdicts publishes messages: "channel message", and whether it passes.
func verdicts(t *testing.T, document string, wants map[string]bool) {
	t.Helper()
	cfg := imported(t, document)
	rules := rulesOf(t, cfg)
	for what, want := range wants {
		channel, payload, _ := strings.Cut(what, " ")
		a := explain.New(cfg, rules, &explain.Question{Channel: channel, Payload: []byte(payload)})
		if a.Accepted() != want {
			t.Errorf("%s: %v, because %+v", what, a.Accepted(), a.Payload)
		}
	}
}

func TestReadVersion3(t *testing.T) {
	t.Parallel()
	const file = "testdata/v3.yaml"
	verdicts(t, file, map[string]bool{
		`room:1 {"type":"said","by":{"id":1},"text":"x"}`: true, `room:1 {"type":"said","by":{"id":"1"},"text":"x"}`: false,
		`room:1 {"type":"left","who":1}`: true, `room:1 {"type":"left","who":"1"}`: false, `room:1 {"type":"else"}`: false,
		`thread:1:2 {"type":"said","by":{"id":1},"text":"x"}`: true, `thread:1:2 {"type":"left","who":1}`: false,
		`thread:1:2 {"type":"said","by":{"id":1},"text":"x","answerTo":{"type":"said"}}`: false,
		`thread:1:2 {"type":"said","by":{"id":1,"friend":"x"},"text":"x"}`:               false,
		`thread:1:2 {"type":"said","by":{"id":1},"text":"x","sentAt":"yesterday"}`:       false,
		`metrics.a ["cpu",1]`: true, `metrics.a ["cpu","1"]`: false, `blob:1 any bytes`: true, `any/1 any bytes`: true,
		`news {"title":"x"}`: false, // the application only reads news
	})
	read, err := asyncapi.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if read.RedisURL != "rediss://redis.internal:6379/3" {
		t.Error(read.RedisURL)
	}
	var got []string
	for _, r := range read.Routes {
		got = append(got, r.Prefix+" "+strings.Join(r.Schemas, ",")+" "+strings.ReplaceAll(r.Keys, "\n", " "))
	}
	want := []string{
		"room: room.json ", "thread: Said.json ", "metrics. metrics.json subscribe: false ", "blob:  ", "news news.json publish: false ", "any/  ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var names []string
	for name := range read.Schemas {
		names = append(names, name)
	}
	slices.Sort(names)
	want = []string{"Said.json", "User.json", "common-tag.json", "metrics.json", "news.json", "room-left.json", "room.json"}
	if !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
	notes := strings.Join(read.Notes, "\n")
	for _, want := range []string{
		`channels/news: "news" is one channel; the route is for all that begin so`,
		"channels/blobs/messages/blob: its content is application/octet-stream, so the route has no schema",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note %q in\n%s", want, notes)
		}
	}
	if text := string(read.Schemas["news.json"]); strings.Contains(text, "$id") || !strings.Contains(text, "2020-12") {
		t.Errorf("news.json: %s", text)
	}
}

func TestReadVersion2(t *testing.T) {
	t.Parallel()
	verdicts(t, "testdata/v2.json", map[string]bool{
		`light:1 {"lumens":5}`: true, `light:1 {"lumens":-5}`: false, `light:1 {"off":true}`: true, `light:1 {}`: false,
		`dim:1 {"percent":5}`: false, // the application only listens
	})
	read, err := asyncapi.Read("testdata/v2.json")
	if err != nil {
		t.Fatal(err)
	}
	if read.RedisURL != "redis://lights.internal:6380" {
		t.Error(read.RedisURL)
	}
	if r := read.Routes[1]; r.Prefix != "dim:" || r.Keys != "publish: false\n" || !slices.Equal(r.Schemas, []string{"dim.json"}) {
		t.Errorf("%+v", r)
	}
}

// TestReadRefuses: each mistake by its file and line.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const head = "asyncapi: 3.0.0\nchannels:\n"
	message := func(payload string) string {
		return head + "  a:\n    address: 'a:{x}'\n    messages:\n      m:\n        payload:\n          " + payload + "\n"
	}
	for text, want := range map[string]string{
		"":                              "a.yaml: it is empty",
		"x: 1":                          "a.yaml:1: has no key asyncapi, so it is no AsyncAPI document",
		"asyncapi: 1.2.0":               "a.yaml:1: asyncapi: must say a version 2 or 3, as a text: 1.2.0",
		"asyncapi: 3.0":                 "must say a version 2 or 3, as a text",
		"a: 1\na: 2":                    `a.yaml:2: the key "a" is there twice`,
		"{\"a\": [1,\n2]":               "a.yaml:2: ",
		"a: &x [*x]":                    "a.yaml:1: more than 500000 values with all aliases expanded, or an alias inside itself",
		head + "  a: {}\n":              "a.yaml:3: channels/a/address: is empty, so nothing says what its channels are called",
		head + "  a: {address: null}\n": "channels/a/address: is empty",
		head + "  a:\n    address: '{tenant}:chat'\n":                                                            `a.yaml:4: channels/a/address: "{tenant}:chat" begins with a parameter`,
		head + "  a:\n    address: 'a:{b}:c'\n":                                                                  `a.yaml:4: channels/a/address: "a:{b}:c" has ":c" behind a parameter; a route decides by`,
		head + "  a: {address: 'a:{b}/v2/{c}'}\n":                                                                `has "/v2/" behind a parameter`,
		head + "  a: {address: 'a:{b'}\n":                                                                        "has a { without its }",
		head + "  a: {address: 'relay:{b}'}\n":                                                                   `a.yaml:3: channels/a: prefix: "relay:" is reserved`,
		head + "  a: {address: 'a:{b}'}\n  b:\n    address: 'a:{b}:{c}'\n":                                       `a.yaml:5: channels/b/address: the prefix is "a:", as that of channels/a; join the two channels`,
		head + "  a: {address: 'a:{b}', x-redis-relay: {slow: fast}}\n":                                          `a.yaml:3: channels/a: slow: `,
		head + "  a: {address: 'a:{b}', x-redis-relay: {slwo: drop}}\n":                                          `slwo`,
		head + "  a: {$ref: '#/components/channels/a'}\n":                                                        `a.yaml:3: channels/a: "#/components/channels/a" leads nowhere`,
		head + "  a: {$ref: '#/channels/b'}\n  b: {$ref: '#/channels/a'}\n":                                      "channels/a: references lead in a circle",
		message("{$ref: 'https://x.example/a.json'}"):                                                            `a.yaml:8: channels/a/messages/m/payload: "https://x.example/a.json" leads to the network`,
		message("{$ref: 'gone.json'}"):                                                                           "gone.json: no such file",
		message("{items: {$ref: '#/nowhere'}}"):                                                                  `a.yaml:8: channels/a/messages/m/payload/items: "#/nowhere" leads nowhere`,
		message("{items: {$ref: 'http://x.example/b'}}"):                                                         "leads to the network",
		message("{schemaFormat: 'application/vnd.apache.avro;version=1.9.0', schema: {}}"):                       `its schemaFormat "application/vnd.apache.avro;version=1.9.0" is no JSON Schema`,
		message("{type: objekt}"):                                                                                `a.yaml: its schemas are not valid for the relay: load "a.json"`,
		message("{schemaFormat: application/schema+json;version=2020-12, schema: {$dynamicRef: '#a'}}"):          "$dynamicRef leads to different schemas",
		head + "  a: {address: 'a:{b}'}\noperations:\n  o: {action: publish, channel: {$ref: '#/channels/a'}}\n": `a.yaml:5: operations/o/action: "publish" is no action`,
		"asyncapi: 3.0.0\nchannels: [a]":                                                                         "a.yaml:2: channels: must be a mapping",
		head + "  a: text\n":                                                                                     "a.yaml:3: channels/a: must be a mapping",
		head + "  a: {address: 'a:{b}', messages: [m]}\n":                                                        "a.yaml:3: channels/a/messages: must be a mapping",
		head + "  a: {address: 'a:{b}', messages: {m: 5}}\n":                                                     "a.yaml:3: channels/a/messages/m: must be a mapping",
		head + "  a: {address: 'a:{b}', x-redis-relay: chat}\n":                                                  "a.yaml:3: channels/a/x-redis-relay: must be a mapping",
		head + "  a: {address: 'a:{b}', x-redis-relay: {schema: a.json}}\n":                                      "a.yaml:3: channels/a/x-redis-relay/schema: must be a list",
		head + "  a: {address: 'a:{b}', x-redis-relay: {schema: [5]}}\n":                                         "a.yaml:3: channels/a/x-redis-relay/schema/0: must be a JSON pointer",
		head + "  a: {address: 'a:{b}'}\noperations: [o]\n":                                                      "a.yaml:4: operations: must be a mapping",
		head + "  a: {address: 'a:{b}'}\noperations: {o: text}\n":                                                "a.yaml:4: operations/o: must be a mapping",
		head + "  a: {address: 'a:{b}'}\noperations: {o: {action: send}}\n":                                      "a.yaml:4: operations/o: names no channel",
		head + "  a: {address: 'a:{b}'}\nservers: [s]\n":                                                         "a.yaml:4: servers: must be a mapping",
		head + "  a: {address: 'a:{b}'}\nservers: {s: text}\n":                                                   "a.yaml:4: servers/s: must be a mapping",
		"asyncapi: 2.6.0\nchannels: {'a:{x}': {publish: text}}\n":                                                "a.yaml:2: channels/a:{x}/publish: must be a mapping",
		"asyncapi: 2.6.0\nchannels: {'a:{x}': {publish: {message: text}}}\n":                                     "a.yaml:2: channels/a:{x}/publish/message: must be a mapping",
		"asyncapi: 2.6.0\nchannels: {'a:{x}': {publish: {message: {oneOf: {}}}}}\n":                              "publish/message/oneOf: must be a list",
		"asyncapi: 2.6.0\nchannels: {'a:{x}': {publish: {message: {oneOf: [5]}}}}\n":                             "publish/message/oneOf/0: must be a mapping",
		"asyncapi: 3.0.0\nx: " + strings.Repeat("x", 17<<20):                                                     "a.yaml: is larger than 16 MiB",
	} {
		file := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := asyncapi.Read(file)
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", ""), want) {
			t.Errorf("%.300q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// TestReadTellsAllMistakes at once.
func TestReadTellsAllMistakes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	text := "asyncapi: 3.0.0\nchannels:\n  a: {address: '{x}'}\n  b: {address: 'b{x}b'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := asyncapi.Read(file); err == nil || !strings.Contains(err.Error(), "channels/a/") || !strings.Contains(err.Error(), "channels/b/") {
		t.Error(err)
	}
}

// TestChangedMessagesHold, not the schema that was written beside them.
func TestChangedMessagesHold(t *testing.T) {
	t.Parallel()
	cfg := load(t, folder(t, map[string]string{
		"relay.yaml":     "routes: [{prefix: 'c:', schema: c.json}]",
		"schemas/c.json": `{"type":"object","required":["type"],"properties":{"type":{"enum":["a","b"]}}}`,
	}))
	file := document(t, cfg, false)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "const: a", "const: c", 1)
	changed = strings.Replace(changed, "$ref: '#/components/schemas/c'", "type: object", 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	verdicts(t, file, map[string]bool{`c:1 {"type":"c"}`: true, `c:1 {"type":"b"}`: true, `c:1 {"type":"a"}`: false})
}
