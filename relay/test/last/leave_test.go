package last

// Clients that come while the last listener leaves.

import (
	"fmt"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestHistoryIsKnownWhenTheLastOneComesBack sends UNSUBSCRIBE and SUBSCRIBE at once: the second is there before Redis has
// answered the first.
func TestHistoryIsKnownWhenTheLastOneComesBack(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(kept("x:")))
	c := r.Subscribe("x:1")
	r.Dial().Do("PUBLISH", "x:1", "a")
	c.Expect(t, "[message x:1 a]")
	for range 20 {
		c.SendRaw([]byte("UNSUBSCRIBE x:1\r\nSUBSCRIBE x:1\r\n"))
		c.Expect(t, "[unsubscribe x:1 0]", "[subscribe x:1 1]", "[message x:1 a]")
		nothing(t, c)
	}
}

// TestTheNextOneComesAsTheLastOneLeaves has a client leave, and another one come without waiting, while nobody publishes:
// with history it has the newest message, which is known exactly; without it has that or nothing.
func TestTheNextOneComesAsTheLastOneLeaves(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		history := r.Config.Routes[0].Policy.History != nil
		pub, c, next := r.Dial(), r.Subscribe("x:1"), r.Dial()
		nothing(t, next) // it is accepted
		for i := range 200 {
			if i%3 == 0 {
				pub.Do("PUBLISH", "x:1", fmt.Sprint("m", i))
				c.Expect(t, fmt.Sprint("[message x:1 m", i, "]"))
			}
			c.Send("UNSUBSCRIBE", "x:1")
			next.Send("SUBSCRIBE", "x:1")
			c.Expect(t, "[unsubscribe x:1 0]")
			next.Expect(t, "[subscribe x:1 1]")
			next.Send("PING")
			newest := fmt.Sprint("[message x:1 m", i-i%3, "]")
			switch got := next.Receive(); {
			case got.String() == newest:
				next.Receive() // to PING
			case len(got.Elems) == 3 || history:
				t.Fatalf("round %d: first comes %s, want %s", i, got, newest)
			}
			nothing(t, c)
			c, next = next, c
		}
	})
}
