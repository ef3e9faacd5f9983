package last

// Reloads that turn last on and off, and move channels.

import (
	"fmt"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// first subscribes a client, which gets messages first.
func first(t *testing.T, r *harness.Relay, channel string, messages ...string) *redistest.Client {
	t.Helper()
	c := r.Dial()
	c.Send("SUBSCRIBE", channel)
	c.Expect(t, "[subscribe "+channel+" 1]")
	for _, m := range messages {
		c.Expect(t, "[message "+channel+" "+m+"]")
	}
	nothing(t, c)
	return c
}

func TestReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const head = "unrouted: deny\nschemas: \"\"\nroutes:\n"
	write := func(routes string) string { return harness.WriteFile(t, dir, "relay.yaml", head+routes) }
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, write("- {prefix: 'x:', on_gap: notify}\n")))
	reload := func(routes string) {
		t.Helper()
		write(routes)
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	pub := r.Dial()
	early := r.Subscribe("x:1")
	pub.Do("PUBLISH", "x:1", "a")
	early.Expect(t, "[message x:1 a]")

	const on = "- {prefix: 'x:', on_gap: notify, last: true}\n"
	reload(on)
	first(t, r, "x:1")
	pub.Do("PUBLISH", "x:1", "b")
	first(t, r, "x:1", "b")

	reload(on + "- {prefix: 'y:'}\n") // another route: what is known stays
	first(t, r, "x:1", "b")

	reload("- {prefix: 'x:', on_gap: notify}\n")
	first(t, r, "x:1")
	reload(on)
	first(t, r, "x:1")
	pub.Do("PUBLISH", "x:1", "c")
	first(t, r, "x:1", "c")

	const kept = "- {prefix: 'x:', on_gap: notify, last: true, history: {length: 100}}\n"
	reload(kept) // which has no entry yet
	first(t, r, "x:1")
	pub.Do("PUBLISH", "x:1", "d")
	first(t, r, "x:1", "d")
	reload(on)
	first(t, r, "x:1")
	reload(kept)
	first(t, r, "x:1", "d")

	reload("- {prefix: 'x:', on_gap: notify, last: true, history: {length: 100}, rename: 'z:{name}'}\n")
	c := first(t, r, "x:1") // another stream
	pub.Do("PUBLISH", "x:1", "e")
	c.Expect(t, "[message x:1 e]")
	first(t, r, "x:1", "e")
}

// TestReloadThatRefuses changes a schema, a route and a limit so that the newest message would be refused if it came now.
func TestReloadThatRefuses(t *testing.T) {
	for name, change := range map[string]struct{ file, schema, payload string }{
		"a file":         {small, "n.json", "100KB"},
		"another schema": {large, "small.json", "100KB"},
		"a limit":        {large, "n.json", "10"},
	} {
		for where, history := range map[string]string{"live": "", "with history": ", history: {length: 10}"} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				write := func(file, schema, payload string) string {
					harness.WriteFile(t, dir, "n.json", file)
					return harness.WriteFile(t, dir, "relay.yaml", fmt.Sprintf(
						"unrouted: deny\nschemas: {dir: %q}\nlimits: {payload: %s}\nroutes:\n"+
							"- {prefix: 'x:', on_gap: notify, last: true, schema: %s%s}\n", dir, payload, schema, history))
				}
				harness.WriteFile(t, dir, "small.json", small)
				r := harness.Start(t, redistest.Start(t), harness.WithFile(t, write(large, "n.json", "100KB")))
				early, pub := r.Subscribe("x:1"), r.Dial()
				pub.Do("PUBLISH", "x:1", `{"n":1234567}`)
				early.Expect(t, `[message x:1 {"n":1234567}]`)
				first(t, r, "x:1", `{"n":1234567}`)
				write(change.file, change.schema, change.payload)
				if err := r.Reload(); err != nil {
					t.Fatal(err)
				}
				first(t, r, "x:1")
			})
		}
	}
}

// Schemas of which one accepts larger numbers.
const (
	small = `{"properties": {"n": {"maximum": 9}}}`
	large = `{"properties": {"n": {"type": "number"}}}`
)
