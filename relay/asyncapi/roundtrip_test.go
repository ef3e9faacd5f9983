package asyncapi_test

// A configuration, made a document, made a configuration again, decides as before.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"redis-relay/config"
	"redis-relay/relay/asyncapi"
	"redis-relay/relay/explain"
	"redis-relay/relay/policy"
)

// folder makes a folder with files, and returns the path of its relay.yaml.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "relay.yaml")
}

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	cfg, err := config.Read(config.Source{Path: path, Env: []string{"RELAY_REDIS_URL=embedded"}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// imported reads a document as init does, and loads what it makes.
func imported(t *testing.T, document string) *config.Config {
	t.Helper()
	read, err := asyncapi.Read(document)
	if err != nil {
		text, _ := os.ReadFile(document)
		t.Fatalf("%v, of\n%s", err, text)
	}
	starter := config.Starter{Settings: map[string]string{}, Upstreams: read.Upstreams, Routes: read.Routes}
	if read.Unrouted != "" {
		starter.Settings["unrouted"] = read.Unrouted
	}
	text, _, err := starter.Text()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"relay.yaml": text, "schemas/.keep": ""}
	for name, text := range read.Schemas {
		files["schemas/"+name] = string(text)
	}
	return load(t, folder(t, files))
}

// document writes the document of a configuration to a file.
func document(t *testing.T, cfg *config.Config, asJSON bool) string {
	t.Helper()
	doc, err := asyncapi.New(cfg, asyncapi.Info{Title: "T", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	write, name := doc.WriteYAML, "a.yaml"
	if asJSON {
		write, name = doc.WriteJSON, "a.json"
	}
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	if asJSON && !json.Valid(b.Bytes()) {
		t.Fatalf("no JSON:\n%s", b.Bytes())
	}
	return filepath.Join(filepath.Dir(folder(t, map[string]string{name: b.String()})), name)
}

// answer is what a relay would do, in words, but for the names of schema files.
func answer(t *testing.T, cfg *config.Config, rules *policy.Rules, channel string, payload []byte) string {
	t.Helper()
	a := explain.New(cfg, rules, &explain.Question{Channel: channel, Payload: payload})
	if a.Schema != nil {
		a.Schema.Name, a.Schema.Because = "", ""
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func rulesOf(t *testing.T, cfg *config.Config) *policy.Rules {
	t.Helper()
	rules, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

const (
	d4  = `"$schema":"http://json-schema.org/draft-04/schema#"`
	d7  = `"$schema":"http://json-schema.org/draft-07/schema"`
	d19 = `"$schema":"https://json-schema.org/draft/2019-09/schema"`
	d20 = `"$schema":"https://json-schema.org/draft/2020-12/schema"`
)

// pool are schemas of each draft that refer to each other in each way.
var pool = map[string]string{
	"chat.json": `{` + d7 + `,"$id":"https://x.example/chat","type":"object","required":["type"],
		"properties":{"type":{"enum":["a","b"]},"id":{"$ref":"ids"},"n":{"$ref":"#/definitions/n"}},
		"definitions":{"n":{"$id":"#n","type":"integer","minimum":1}}}`,
	"ids.json":     `{` + d7 + `,"$id":"https://x.example/ids","oneOf":[{"type":"string","format":"uuid"},{"$ref":"chat#n"}]}`,
	"plain.json":   `{"type":"object","properties":{"type":{"type":"string","format":"email"},"id":{"$ref":"sub/deep%20er.json#/$defs/id"}}}`,
	"new.json":     `{` + d20 + `,"type":"object","required":["type"],"properties":{"type":{"const":"a"},"id":{"type":"string","format":"uuid"},"n":{"prefixItems":[{"$ref":"#x"}]}},"$defs":{"x":{"$anchor":"x","type":"integer"}},"unevaluatedProperties":false}`,
	"old.json":     `{` + d4 + `,"type":"object","properties":{"n":{"type":"integer","minimum":1,"exclusiveMinimum":true},"type":{"enum":["a","b","c"]}}}`,
	"mid.json":     `{` + d19 + `,"properties":{"id":{"$ref":"ids.json","maxLength":3},"n":{"$ref":"new.json#/properties/n"}},"dependentRequired":{"id":["n"]}}`,
	"meta.json":    `{` + d7 + `,"properties":{"n":{"$ref":"http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger"},"id":{"$ref":"http://json-schema.org/draft-07/schema#"}}}`,
	"self.json":    `{"properties":{"n":{"anyOf":[{"$ref":"#"},{"type":"integer"}]},"a/b~%":{"$ref":"#/$defs/c~1d~0%25"}},"$defs":{"c/d~%":{"type":"null"}}}`,
	"unnamed.json": `{"type":"object","properties":{"id":{"type":"string","format":"uuid"},"n":{"prefixItems":[{"type":"integer"}]}}}`,
	"named.json":   `{` + d20 + `,"properties":{"id":{"type":"string","format":"uuid"}}}`,
	"never.json":   `false`,
	"nested.json":  `{"$id":"https://y.example/r/","properties":{"id":{"$ref":"inner"}},"$defs":{"i":{"$id":"inner","$ref":"#/$defs/t","$defs":{"t":{"type":"string"}}}}}`,
	"A.json":       `{"type":["object","null"]}`,
	"a.json":       `{"enum":[{"type":"a"},1,"a",null,1.50,1e2,"😀\u0000\u2028"]}`,
	"kinds-x.json": `{"oneOf":[{"$ref":"chat.json#/definitions/n"},{"type":"object","required":["kind"],"properties":{"kind":{"const":"a b"}}}]}`,
}

// deep is in a subfolder.
const deep = `{"$defs":{"id":{"type":["string","integer"]}}}`

// payloads of all sorts that the schemas tell apart.
var payloads = func() (list []string) {
	values := []string{
		`1`, `0`, `1.0`, `-1`, `"a"`, `"4d1b5b4e-1111-4111-8111-111111111111"`, `[]`, `[1]`, `["x"]`, `{}`, `{"n":2}`, `null`,
		`{"type":"integer"}`, `{"type":5}`, `1e2`,
	}
	list = append(values, `1.5`, `"😀\u0000\u2028"`, `{"type":"a"}`, `{"kind":"a b"}`, `not JSON`, ``)
	for _, kind := range []string{``, `"type":"a",`, `"type":"b",`, `"type":"c",`, `"type":"a@b.c",`, `"type":1,`, `"kind":"a b",`} {
		for _, field := range []string{"id", "n", "a/b~%"} {
			for _, value := range values {
				list = append(list, fmt.Sprintf(`{%s%q:%s}`, kind, field, value))
			}
		}
	}
	return list
}()

var prefixes = []string{"chat:", "chat:vip:", "room-", "x", "a b#'\"", "ä:", "null", "~", "Chat:", "1", "- y"}

// someRoutes makes routes with keys at random.
func someRoutes(rnd *rand.Rand, schemas []string) (routes []map[string]any) {
	pick := func(list ...any) any { return list[rnd.IntN(len(list))] }
	policy := func(keys map[string]any) map[string]any {
		for key, values := range map[string][]any{
			"slow": {"disconnect", "drop", "latest"}, "on_gap": {"disconnect", "notify"}, "deliver": {"all", "one"},
			"history": {nil, map[string]any{"length": 5}, map[string]any{"length": 7, "ttl": "1h"}},
			"rate":    {map[string]any{"limit": 1e6}, map[string]any{"limit": 1e6, "burst": 2e6}, map[string]any{"alert": 1e6}},
		} {
			if rnd.IntN(3) == 0 {
				keys[key] = pick(values...)
			}
		}
		return keys
	}
	for _, prefix := range prefixes {
		if rnd.IntN(2) == 0 {
			continue
		}
		r := policy(map[string]any{"prefix": prefix})
		switch n := rnd.IntN(6); n {
		case 0:
		case 1, 2:
			order := rnd.Perm(len(schemas))[:n+1]
			r["schema"] = []string{schemas[order[0]], schemas[order[1]]}
		default:
			r["schema"] = schemas[rnd.IntN(len(schemas))]
		}
		for key, values := range map[string][]any{
			"publish": {false, true}, "subscribe": {false, true}, "kind": {"kind", "type"}, "invalid": {"log", "reject"},
		} {
			if rnd.IntN(3) == 0 {
				r[key] = pick(values...)
			}
		}
		if r["publish"] != false && rnd.IntN(4) == 0 {
			r["publish_uids"] = []int{1000, 1001}
		}
		if rnd.IntN(2) == 0 {
			r["kinds"] = map[string]any{"a": policy(map[string]any{}), "a b": policy(map[string]any{}), "~": map[string]any{}}
		}
		routes = append(routes, r)
	}
	return routes
}

func TestRoundTripDecidesTheSame(t *testing.T) {
	t.Parallel()
	var schemas []string
	files := map[string]string{"schemas/sub/deep er.json": deep}
	for name, text := range pool {
		schemas = append(schemas, name)
		files["schemas/"+name] = text
	}
	slices.Sort(schemas)
	const rounds = 12
	accepted := map[bool]int{}
	for seed := range uint64(rounds) {
		routes, err := json.Marshal(map[string]any{"routes": someRoutes(rand.New(rand.NewPCG(seed, 1)), schemas)})
		if err != nil {
			t.Fatal(err)
		}
		files["relay.yaml"] = string(routes)
		before := load(t, folder(t, files))
		first := document(t, before, seed%2 == 0)
		after := imported(t, first)
		if !sameRoutes(t, before, after) || !decideTheSame(t, before, after, accepted) {
			text, _ := os.ReadFile(first)
			t.Fatalf("seed %d: %s\n%s", seed, routes, text)
		}
	}
	if accepted[true] < 1000 || accepted[false] < 1000 {
		t.Errorf("accepted and refused: %v: that shows little", accepted)
	}
}

func sameRoutes(t *testing.T, before, after *config.Config) bool {
	t.Helper()
	without := func(cfg *config.Config) []config.Route {
		list := slices.Clone(cfg.Routes)
		for i := range list {
			list[i].Schema = fmt.Sprint(len(list[i].Schemas()))
			list[i].OlderSchemas = nil
		}
		return list
	}
	diff := cmp.Diff(without(before), without(after))
	if diff != "" {
		t.Error(diff)
	}
	return diff == ""
}

func decideTheSame(t *testing.T, before, after *config.Config, accepted map[bool]int) bool {
	t.Helper()
	old, now := rulesOf(t, before), rulesOf(t, after)
	for _, prefix := range append(slices.Clone(prefixes), "elsewhere") {
		for _, payload := range payloads {
			was := answer(t, before, old, prefix+"1", []byte(payload))
			is := answer(t, after, now, prefix+"1", []byte(payload))
			if was != is {
				t.Errorf("%s1 %s: was\n%s\nis\n%s", prefix, payload, was, is)
				return false
			}
			accepted[strings.Contains(was, `"accepted":true`)]++
		}
	}
	return true
}
