package relay

import (
	"fmt"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/resp"
)

// TestRenameOfNothing: a reload that changes no name at Redis leaves them as they are, however many there are.
func TestRenameOfNothing(t *testing.T) {
	with := func(edit func(*config.Config)) *rules {
		return namedRules(t, func(c *config.Config) {
			c.Redis.Prefix = "t:"
			edit(c)
		})
	}
	first, second := with(func(*config.Config) {}), with(func(c *config.Config) { c.Routes[0].Policy.OnGap = config.OnGapNotify })
	i := &interest{side: &side{}, asked: wires{names: first.names[0]}} // a rename would need its parts
	i.asked.add(nil, resp.PMessage, "", "chat:*")
	if moved := i.rename(second.names[0]); moved != nil || i.asked.names != second.names[0] || i.asked.patterns != 1 {
		t.Errorf("moved %v, %d patterns", moved, i.asked.patterns)
	}
	for what, edit := range map[string]func(*config.Config){
		"renamed":      func(c *config.Config) { c.Routes[0].Rename = "a:{name}" },
		"closed":       func(c *config.Config) { c.Routes[0].Publish, c.Routes[0].Subscribe = false, false },
		"another name": func(c *config.Config) { c.Redis.Prefix = "u:" },
	} {
		if i.asked.names.Same(with(edit).names[0]) {
			t.Errorf("%s: the names are the same", what)
		}
	}
}

// BenchmarkMatching: what a publish pays for the patterns that this host has at Redis, where channels are renamed.
func BenchmarkMatching(b *testing.B) {
	w := wires{names: namedRules(b, func(c *config.Config) { c.Routes[0].Rename = "a:{name}" }).names[0]}
	for i := range 10_000 {
		w.add(nil, resp.PMessage, "", fmt.Sprintf("chat:%d:*", i))
	}
	for b.Loop() {
		if w.matching([]byte("a:chat:42:x")) != 1 {
			b.Fatal("not found")
		}
	}
}
