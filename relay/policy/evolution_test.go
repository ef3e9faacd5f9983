package policy

// Whose demand a change of schemas breaks.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/config"
)

// evolving are the rules of routes, each with a schema of its own: route -> schema. All say evolve: backward.
func evolving(t *testing.T, routes map[string]string) *Rules {
	t.Helper()
	cfg := config.Default()
	cfg.Schemas.Dir = t.TempDir()
	for prefix, text := range routes {
		r := config.NewRoute(prefix)
		r.Schema, r.Evolve = strings.ReplaceAll(prefix, ":", "")+".json", config.EvolveBackward
		if err := os.WriteFile(filepath.Join(cfg.Schemas.Dir, r.Schema), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.Routes = append(cfg.Routes, r)
	}
	rules, err := New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// TestJudgeNamesTheRouteThatDecides, where one is gone, and another decides about its channels.
func TestJudgeNamesTheRouteThatDecides(t *testing.T) {
	t.Parallel()
	before := evolving(t, map[string]string{"a:": `{"type":"string"}`, "a:b": `{"type":"null"}`})
	now := evolving(t, map[string]string{"a:": `{"type":"string","minLength":1}`})
	var said []string
	for _, e := range Compare(before, now, true) {
		_, err := e.Judge()
		said = append(said, err.Error())
	}
	want := []string{
		`routes[0].schema: route "a:" says evolve: backward, but a.json now refuses a message that it accepted: "" (`,
		`routes[0].schema: route "a:", which now decides about "a:b", says evolve: backward, but a.json now refuses a ` +
			`message that ab.json accepted: null (`,
	}
	if len(said) != len(want) {
		t.Fatalf("said %q", said)
	}
	for i := range want {
		if !strings.HasPrefix(said[i], want[i]) {
			t.Errorf("says %s\nwant  %s", said[i], want[i])
		}
	}
}
