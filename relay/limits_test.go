package relay_test

// Limits that the whole relay enforces, and their reload.

import (
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

func TestPatternPrefixes(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "relay.yaml", "limits: {pattern_prefixes: ['chat:', 'user:']}\n")
	r := startRelay(t, redistest.Start(t), withFile(t, path))
	const denied = ": a pattern must begin with one of limits.pattern_prefixes (chat:, user:)"
	sub := r.dial()
	for _, tt := range []struct{ pattern, want string }{
		{"*", "-DENIED *" + denied},
		{"chat*", "-DENIED chat*" + denied},
		{"cha[t]:*", "-DENIED cha[t]:*" + denied},
		{"?chat:*", "-DENIED ?chat:*" + denied},
		{"", "-DENIED " + denied},
		{"chat:*", "[psubscribe chat:* 1]"},
		{`ch\at:1:*`, `[psubscribe ch\at:1:* 2]`},
		{"user:", "[psubscribe user: 3]"},
	} {
		sub.Send("PSUBSCRIBE", tt.pattern)
		if got := sub.Receive().String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.pattern, got, tt.want)
		}
	}
	write(t, dir, "relay.yaml", "limits: {patterns: 1}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	sub = r.dial()
	sub.Send("PSUBSCRIBE", "*")
	sub.Expect(t, "[psubscribe * 1]")
	sub.Send("PSUBSCRIBE", "a*")
	sub.Expect(t, "-DENIED a*: this would be pattern 2 of this connection, over limits.patterns")
}

func TestCutOffIsCounted(t *testing.T) {
	r := startRelay(t, nil, func(c *config.Config) { c.Limits.CommandTimeout = 1 })
	c := r.dial()
	if got := c.Closed(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if n := r.metric(`disconnects_total{reason="incomplete"}`); n != 1 {
		t.Errorf("%v are counted", n)
	}
}
