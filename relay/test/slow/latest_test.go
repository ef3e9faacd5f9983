package slow

// Cursors: who was stalled gets the newest of each.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestLatest stalls a listener while cursors move, by its name and by a pattern. Then
// it gets a little of what came first, and the newest of each cursor, in order.
func TestLatest(t *testing.T) {
	const users, moves = 5, 20_000
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("document:", func(r *config.Route) {
		cursor := r.Policy
		cursor.Slow, cursor.LatestBy = config.SlowLatest, "userId"
		r.Kinds = map[string]config.Policy{"cursor": cursor}
	})), func(c *config.Config) { c.Limits.QueueAge = 0 })
	stalled, pattern := r.Subscribe("document:1"), r.Dial()
	pattern.Send("PSUBSCRIBE", "document:*")
	pattern.Expect(t, "[psubscribe document:* 1]")

	pub := redistest.Dial(t, "tcp", redis.Addr())
	var pipeline []byte
	for i := range moves {
		payload := fmt.Sprintf(`{"type":"cursor","userId":"u%d","n":%d,"x":"%s"}`, i%users, i, strings.Repeat("x", 200))
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "document:1", payload)
	}
	pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "document:1", `{"type":"saved"}`)
	pub.SendRaw(pipeline)
	for range moves + 1 {
		pub.Receive()
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "all has come", func() bool {
		return r.Metric(`messages_received_total{route="document:"}`) == 2*(moves+1)
	})
	replaced := 2 * (moves + 1)
	for _, c := range []*redistest.Client{stalled, pattern} {
		var newest [users]int
		for last := -1; ; replaced-- {
			m := c.Receive()
			payload := m.Elems[len(m.Elems)-1].Str
			if payload == `{"type":"saved"}` {
				replaced--
				break
			}
			var user, n int
			if _, err := fmt.Sscanf(payload, `{"type":"cursor","userId":"u%d","n":%d,`, &user, &n); err != nil || n <= last {
				t.Fatalf("behind %d came %s, %v", last, payload, err)
			}
			newest[user], last = n, n
		}
		for user, n := range newest {
			if n < moves-users {
				t.Errorf("the newest of user %d is %d", user, n)
			}
		}
	}
	if replaced == 0 {
		t.Error("nobody was behind: move more")
	}
	if n := r.Metric(`drops_total{reason="latest"}`); n != float64(replaced) {
		t.Errorf("%v were counted, want %d", n, replaced)
	}
}
