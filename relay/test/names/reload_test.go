package names

// A reload that changes what Redis calls channels.

import (
	"fmt"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// renamedTo is a configuration in which chat: is renamed, and has a history, and told: has none.
func renamedTo(prefix, before string) string {
	rename := ""
	if before != "" {
		rename = fmt.Sprintf(", rename: '%s{name}'", before)
	}
	return fmt.Sprintf(`redis: {prefix: %q}
unrouted: deny
schemas: ""
routes:
- {prefix: "chat:", on_gap: notify, history: {length: 100}%s}
- {prefix: "told:", on_gap: notify%s}
- {prefix: "ends:"%s}
- {prefix: "same:"}
`, prefix, rename, rename, rename)
}

func TestReloadOfRenames(t *testing.T) {
	t.Parallel()
	for _, way := range [][2]string{{"a:", "b:"}, {"", "b:"}, {"a:", ""}} {
		t.Run(fmt.Sprintf("%q to %q", way[0], way[1]), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := harness.WriteFile(t, dir, "relay.yaml", renamedTo("", way[0]))
			redis := redistest.Start(t)
			r := harness.Start(t, redis, harness.WithFile(t, path))
			sub, told, same, ends, pub := r.Subscribe("chat:1"), r.Subscribe("told:1"), r.Subscribe("same:1"), r.Subscribe("ends:1"), r.Dial()
			by := r.Dial()
			by.Send("PSUBSCRIBE", "chat:*")
			by.Expect(t, "[psubscribe chat:* 1]")
			events := r.Subscribe("relay:events")
			pub.Do("PUBLISH", "chat:1", "old")
			sub.Expect(t, "[message chat:1 old]")
			by.Expect(t, "[pmessage chat:* chat:1 old]")
			reader := r.Dial()
			reader.Send("XREAD", "BLOCK", "0", "STREAMS", "chat:1", "$")
			redistest.Eventually(t, redistest.DefaultTimeout, "it waits", func() bool {
				return r.Metric("history_readers") == 1
			})

			harness.WriteFile(t, dir, "relay.yaml", renamedTo("", way[1]))
			if err := r.Reload(); err != nil {
				t.Fatal(err)
			}
			if e := harness.Event(t, events, "gap"); len(e.Prefixes) != 3 {
				t.Errorf("the gap is in %q", e.Prefixes)
			}
			harness.Event(t, events, "reload")
			if got := ends.Closed(); len(got) != 0 {
				t.Errorf("a listener that is to be disconnected got %s", got)
			}
			if v := reader.Receive(); v.Err() == nil {
				t.Errorf("a reader got %s", v)
			}
			for _, channel := range []string{"chat:1", "told:1", "same:1"} {
				if v := pub.Do("PUBLISH", channel, "new"); v.Err() != nil {
					t.Fatal(v)
				}
			}
			for _, name := range []string{way[0] + "chat:1", way[0] + "told:1"} {
				redis.MustDo("PUBLISH", name, "under the old name")
			}
			redis.MustDo("PUBLISH", way[1]+"told:1", "from elsewhere")
			sub.Expect(t, "[message chat:1 new]")
			by.Expect(t, "[pmessage chat:* chat:1 new]")
			told.Expect(t, "[message told:1 new]", `[message told:1 "from elsewhere"]`)
			same.Expect(t, "[message same:1 new]")
			if v := pub.Do("XLEN", "chat:1"); v.String() != ":1" {
				t.Errorf("the new history has %s entries", v)
			}
			if v := redis.MustDo("XLEN", "history:{"+way[0]+"chat:1}"); v.Int != 1 {
				t.Errorf("the old history has %s entries", v)
			}
			channels, patterns := harness.Interest(t, redis)
			for _, c := range channels {
				if way[0] != "" && c[:len(way[0])] == way[0] {
					t.Errorf("%s is still subscribed", c)
				}
			}
			if patterns != 2 { // with announcements
				t.Errorf("%d patterns are subscribed", patterns)
			}
		})
	}
}

// TestGapOfRenamedPatterns: the gap names the prefixes that are renamed, not those of patterns that match them.
func TestGapOfRenamedPatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := harness.WriteFile(t, dir, "relay.yaml", "schemas: ''\nunrouted: deny\nroutes:\n- {prefix: 'c'}\n- {prefix: 'chat:'}\n- {prefix: 'same:'}\n")
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	c, events := r.Dial(), r.Subscribe("relay:events")
	c.Send("PSUBSCRIBE", "ch*")
	c.Expect(t, "[psubscribe ch* 1]")
	harness.WriteFile(t, dir, "relay.yaml", "schemas: ''\nunrouted: deny\nroutes:\n- {prefix: 'c'}\n- {prefix: 'chat:', rename: 'new:{name}'}\n- {prefix: 'same:'}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if e := harness.Event(t, events, "gap"); fmt.Sprint(e.Prefixes) != "[chat:]" {
		t.Errorf("the gap is in %q", e.Prefixes)
	}
}

// TestPrefixNeedsARestart: a reload goes on with the one there is, and says so.
func TestPrefixNeedsARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := harness.WriteFile(t, dir, "relay.yaml", renamedTo("a:", ""))
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithFile(t, path))
	sub := r.Subscribe("told:1")
	harness.WriteFile(t, dir, "relay.yaml", renamedTo("b:", ""))
	for range 2 {
		if err := r.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	redis.MustDo("PUBLISH", "b:told:1", "not heard")
	redis.MustDo("PUBLISH", "a:told:1", "heard")
	sub.Expect(t, "[message told:1 heard]")
	if lines := r.Logs.FilterMessage("restart needed for some of the changes").All(); len(lines) == 0 {
		t.Error("the log does not say that a restart is needed")
	}
}
