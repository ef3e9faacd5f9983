package policy

// Schemas that change: two at a time during a migration, and changes that a reload refuses.

import (
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	versionOne = `{"type":"object","properties":{"type":{"const":"m"},"user":{"type":"string"}},"required":["user"]}`
	versionTwo = `{"type":"object","properties":{"type":{"const":"m"},"userId":{"type":"string"}},"required":["userId"]}`
)

func TestEitherSchema(t *testing.T) {
	dir := t.TempDir()
	harness.WriteFile(t, dir, "schemas/v1.json", versionOne)
	harness.WriteFile(t, dir, "schemas/v2.json", versionTwo)
	path := harness.WriteFile(t, dir, "relay.yaml",
		"routes:\n- prefix: 'x:'\n  schema: [v2.json, v1.json]\n  kinds: {m: {rate: {limit: 0.01, burst: 3}}}\n")
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	matches := func(schema string, want float64) {
		t.Helper()
		if got := r.Metric(`schema_matches_total{route="x:",schema="` + schema + `"}`); got != want {
			t.Errorf("%s matches %v messages, want %v", schema, got, want)
		}
	}
	matches("v1.json", 0) // the series are there from the start
	matches("v2.json", 0)
	pub := r.Dial()
	harness.PublishReplies(t, pub, "x:1", `{"user":"ann"}`, ":0")
	harness.PublishReplies(t, pub, "x:1", `{"userId":"ann","user":"ann"}`, ":0")
	harness.PublishReplies(t, pub, "x:1", `{"type":"m","user":"ann"}`, ":0")
	harness.PublishReplies(t, pub, "x:1", `{"name":"ann"}`, "-INVALID x:1 missing properties: 'userId'")
	matches("v1.json", 2)
	matches("v2.json", 1)

	// The kind is that of the message, whichever schema accepts it.
	harness.PublishReplies(t, pub, "x:1", `{"type":"m","userId":"ann"}`, ":0")
	harness.PublishReplies(t, pub, "x:1", `{"type":"m","user":"ann"}`, ":0")
	harness.PublishReplies(t, pub, "x:1", `{"type":"m","user":"ann"}`, "-RATELIMIT x:1")
}

func TestReloadKeepsSchemasCompatible(t *testing.T) {
	dir := t.TempDir()
	harness.WriteFile(t, dir, "schemas/x.json", anyString)
	route := func(evolve string) {
		harness.WriteFile(t, dir, "relay.yaml", "routes:\n- prefix: 'x:'\n  schema: x.json\n  evolve: "+evolve+"\n")
	}
	route("backward")
	path := filepath.Join(dir, "relay.yaml")
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	pub := r.Dial()
	reload := func(schema, says string) {
		t.Helper()
		harness.WriteFile(t, dir, "schemas/x.json", schema)
		err := r.Reload()
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("reload says %v, want %q", err, says)
		}
	}
	const evolves = `relay.yaml:3: routes[0].schema: route "x:" says evolve: `
	reload(anyNumber, evolves+`backward, but x.json now refuses a message that it accepted: "" (expected number, but got string)`)
	harness.PublishReplies(t, pub, "x:1", `"text"`, ":0")
	reload(`{"type":["string","null"]}`, "")
	harness.PublishReplies(t, pub, "x:1", `null`, ":0")
	reload(`{"type":"string"}`, evolves+"backward, but x.json now refuses a message that it accepted: null ")

	route("forward")
	reload(`{"type":"string"}`, "")
	reload(`{"type":["string","null"]}`, evolves+"forward, but x.json now accepts a message that it refused: null ")
	route("full")
	reload(`{"type":"string","pattern":"^a+$"}`, evolves+"full, but x.json now refuses a message that it accepted")
	route("none")
	reload(`{"type":"string","pattern":"^a+$"}`, "")
	route("full")
	reload(`{"type":"string","pattern":"^aa*$"}`, "") // the same, but who knows
	if said := strings.Join(r.Story(), "\n"); !strings.Contains(said,
		"but it cannot be told whether x.json is backward compatible with x.json as it was, because of x.json#/pattern") {
		t.Errorf("the log says\n%s", said)
	}
}
