package subscribe

// A Redis that does not take as fast what clients subscribe to.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestSubscribeWaitsForASlowRedis has clients subscribe to more than the relay keeps for a Redis that stands still. All
// are subscribed when that goes on, each behind what it asked for before; who hangs up meanwhile leaves nothing.
func TestSubscribeWaitsForASlowRedis(t *testing.T) {
	t.Parallel()
	const clients, names, size = 6, 250, 4 << 10
	const room = 2 << 20 // bytes: a sixteenth of limits.memory
	redis := redistest.Start(t)
	redis.MustDo("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0")
	r := harness.Start(t, redis, func(c *config.Config) {
		c.Limits.Memory, c.Limits.Name = 16*room, size
	})
	var list []*redistest.Client
	for range clients {
		list = append(list, r.Dial())
	}
	known := r.Subscribe("known")
	before := r.Metric("commands_total")
	redis.Stop()
	for n, c := range list {
		command := []string{"SUBSCRIBE"}
		for i := range names {
			name := fmt.Sprintf("%d:%d:", n, i)
			command = append(command, name+strings.Repeat("x", size-len(name)))
		}
		c.Send(command...)
		c.Send("PING", "behind")
	}
	// Of those that there is room for, two commands are carried out; of the others the SUBSCRIBE is begun.
	const through, want = room/(names*size) + 1, clients + room/(names*size) + 1
	done := func() float64 { return r.Metric("commands_total") - before }
	redistest.Eventually(t, redistest.DefaultTimeout, "all are there", func() bool { return done() >= want })
	r.Dial().Do("PING")
	if got := done(); got != want+1 {
		t.Errorf("%v commands are done, want %d: %d clients are let through", got, want+1, through)
	}
	gone := r.Dial()
	gone.Send("SUBSCRIBE", "of one that is gone")
	gone.Close()
	known.Send("SUBSCRIBE", "relay:events") // for which Redis is not asked
	known.Expect(t, "[subscribe relay:events 2]")
	redis.Cont()
	for n, c := range list {
		for i := range names {
			got := c.Receive()
			if len(got.Elems) != 3 || !strings.HasPrefix(got.Elems[1].Str, fmt.Sprintf("%d:%d:x", n, i)) {
				t.Fatalf("client %d: confirmation %d is %.60s", n, i, got)
			}
		}
		c.Expect(t, "[pong behind]")
	}
	for n, c := range list {
		name := fmt.Sprintf("%d:0:", n)
		name += strings.Repeat("x", size-len(name))
		harness.PublishReplies(t, r.Dial(), name, "m", ":1")
		c.Expect(t, "[message "+name+" m]")
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "nobody listens for the one that is gone", func() bool {
		return r.Metric(`subscriptions{kind="channel"}`) == clients*names+2 // those of known, too
	})
}
