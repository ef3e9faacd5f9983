package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWrittenRoutesReadBack: a starter with the keys of a route makes the same route.
func TestWrittenRoutesReadBack(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"prefix: 'a:'": "",
		"{prefix: 'a:', slow: latest, latest_by: id, kind: k, nats: true, invalid: log}": "invalid: log\nkind: k\nnats: true\nslow: latest\nlatest_by: id\n",
		"{prefix: 'a:', publish_uids: [1, 2], schema: [a.json, b.json], evolve: full}":   "evolve: full\npublish_uids:\n  - 1\n  - 2\n",
		"{prefix: 'a:', history: {length: 5, ttl: 72h}}":                                 "history:\n  length: 5\n  ttl: 72h\n",
		"{prefix: 'a:', history: {length: 5}, on_gap: disconnect, kinds: {b: {}, 'x y': {history: null, rate: {limit: 1.5}}}}": "history:\n  length: 5\n  ttl: 0s\n" +
			"on_gap: disconnect\nkinds:\n  b: {}\n  x y:\n    history: null\n    rate:\n      limit: 1.5\n      burst: 2\n      alert: 0\n      dead_letter: \"\"\n",
		"{prefix: 'a:', rate: {limit: 10}, kinds: {'null': {slow: drop, deliver: one, rate: {limit: 0}}}}": "rate:\n  limit: 10\n  burst: 10\n  alert: 0\n  dead_letter: \"\"\n" +
			"kinds:\n  \"null\":\n    slow: drop\n    deliver: one\n    rate:\n      limit: 0\n      burst: 0\n      alert: 0\n      dead_letter: \"\"\n",
		"{prefix: 'a:', schema: a.json, invalid: {dead_letter: d}, too_large: {dead_letter: e}, redis_refused: {dead_letter: e}}": "invalid:\n  reject: true\n  dead_letter: d\n" +
			"too_large:\n  dead_letter: e\nredis_refused:\n  dead_letter: e\n",
	} {
		cfg, err := Load(Source{Env: []string{"RELAY_ROUTES=[" + text + "]"}})
		if text == "prefix: 'a:'" {
			cfg, err = Load(Source{Env: []string{"RELAY_ROUTES=[{" + text + "}]"}})
		}
		if err != nil {
			t.Fatal(err)
		}
		r := &cfg.Routes[0]
		got, err := r.Written()
		if err != nil || got != want {
			t.Errorf("%s: got\n%s%v, want\n%s", text, got, err, want)
		}
		again, err := Starter{Routes: []StarterRoute{{Prefix: r.Prefix, Schemas: r.Schemas(), Keys: got}}}.routes()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(*r, again[0]); diff != "" {
			t.Errorf("%s: read back: %s", text, diff)
		}
	}
}

func TestStarterRefusesKeys(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"slow: fast\n": `routes[0].slow: `, "slwo: drop\n": `slwo`, "rate: {burst: 3}\n": "routes[0].rate.burst: has no effect without rate.limit",
	} {
		_, _, err := Starter{Routes: []StarterRoute{{Prefix: "a:", Keys: keys}}}.Text()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", keys, err, want)
		}
	}
}
