package last

// Questions to Redis that are under way when other clients come, or when a reload does.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestManyClientsAskOnce has many clients subscribe to the same channels before Redis answers the first of them.
func TestManyClientsAskOnce(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(kept("x:")))
	var channels []string
	for i := range 100 {
		channels = append(channels, fmt.Sprint("x:", i))
		redis.MustDo("XADD", "history:{"+channels[i]+"}", "*", "payload", "a")
	}
	var clients []*redistest.Client
	for range 30 {
		clients = append(clients, r.Dial())
		nothing(t, clients[len(clients)-1]) // it is accepted
	}
	redis.MustDo("CONFIG", "RESETSTAT")
	redis.Stop()
	for _, c := range clients {
		c.Send(append([]string{"SUBSCRIBE"}, channels...)...)
	}
	redis.Cont()
	for _, c := range clients {
		for i, channel := range channels {
			c.Expect(t, fmt.Sprintf("[subscribe %s %d]", channel, i+1))
		}
		for _, channel := range channels {
			c.Expect(t, "[message "+channel+" a]")
		}
		nothing(t, c)
	}
	if n := readStreams(redis); n < len(channels) || n > 3*len(channels) {
		t.Errorf("%d streams were read for %d channels", n, len(channels))
	}
}

// readStreams returns how many streams were read from their ends since CONFIG RESETSTAT.
func readStreams(redis *redistest.Server) (calls int) {
	for line := range strings.Lines(redis.MustDo("INFO", "commandstats").Str) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_xrevrange:calls="); ok {
			_, _ = fmt.Sscan(strings.Split(rest, ",")[0], &calls)
		}
	}
	return calls
}

// TestNoQuestionFromBeforeIsShared has a client leave and come back before Redis answers: what was asked before is too
// old for what it missed between.
func TestNoQuestionFromBeforeIsShared(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(kept("x:")))
	redis.MustDo("XADD", "history:{x:1}", "*", "payload", "a")
	c := r.Dial()
	nothing(t, c)
	redis.MustDo("CONFIG", "RESETSTAT")
	redis.Stop()
	c.SendRaw([]byte("SUBSCRIBE x:1\r\nUNSUBSCRIBE x:1\r\nSUBSCRIBE x:1\r\n"))
	redis.Cont()
	c.Expect(t, "[subscribe x:1 1]", "[message x:1 a]", "[unsubscribe x:1 0]", "[subscribe x:1 1]", "[message x:1 a]")
	nothing(t, c)
	if n := readStreams(redis); n < 2 { // or more: it is asked again while what was missed is read
		t.Errorf("it was asked %d times", n)
	}
}

// TestReloadWhileItIsAsked has Redis answer a question after a reload that gives the channel another stream.
func TestReloadWhileItIsAsked(t *testing.T) {
	t.Parallel()
	dir, redis := t.TempDir(), redistest.Start(t)
	write := func(more string) string {
		return harness.WriteFile(t, dir, "relay.yaml", "unrouted: deny\nschemas: \"\"\nroutes:\n"+
			"- {prefix: 'x:', on_gap: notify, last: true, history: {length: 9}"+more+"}\n")
	}
	redis.MustDo("XADD", "history:{x:1}", "*", "payload", "old")
	redis.MustDo("XADD", "history:{z:x:1}", "*", "payload", "new")
	r := harness.Start(t, redis, harness.WithFile(t, write("")))
	first(t, r, "x:2") // Redis has the script
	c := r.Dial()
	nothing(t, c)
	redis.Stop()
	c.Send("SUBSCRIBE", "x:1")
	redistest.Eventually(t, redistest.DefaultTimeout, "it is asked", func() bool {
		return r.Metric(`subscriptions{kind="channel"}`) == 2
	})
	write(", rename: 'z:{name}'")
	err := r.Reload()
	redis.Cont()
	if err != nil {
		t.Fatal(err)
	}
	c.Expect(t, "[subscribe x:1 1]", "[message x:1 new]")
	nothing(t, c)
}
