package relay

import (
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
	i := &interest{side: &side{}, wires: wires{names: first.names[0]}} // a rename would need its parts
	i.add(nil, resp.PMessage, "", "chat:*")
	if moved := i.rename(second.names[0]); moved != nil || i.wires.names != second.names[0] || i.patterns != 1 {
		t.Errorf("moved %v, %d patterns", moved, i.patterns)
	}
	for what, edit := range map[string]func(*config.Config){
		"renamed":      func(c *config.Config) { c.Routes[0].Rename = "a:{name}" },
		"closed":       func(c *config.Config) { c.Routes[0].Publish, c.Routes[0].Subscribe = false, false },
		"another name": func(c *config.Config) { c.Redis.Prefix = "u:" },
	} {
		if i.wires.names.Same(with(edit).names[0]) {
			t.Errorf("%s: the names are the same", what)
		}
	}
}
