package fleet

// Many processes behind one relay, and many relays on one Redis.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestOneConnectionForAllProcesses(t *testing.T) {
	const processes = 20 // with 10 connections each
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	before := harness.Measured()
	list := startCrowd(t, r.Socket, processes)

	expect := func(when string, wantChannels int, wantPatterns int64) {
		t.Helper()
		channels, patterns := harness.Interest(t, redis)
		if len(channels) != wantChannels || patterns != wantPatterns {
			t.Errorf("%s: Redis has channels %q and %d patterns, want %d and %d",
				when, channels, patterns, wantChannels, wantPatterns)
		}
		if lines := redis.PubSubClients(); len(lines) != 1 {
			t.Errorf("%s: Redis has %d subscriber connections, want 1:\n%s", when, len(lines), strings.Join(lines, "\n"))
		}
	}
	expect("all alive", crowdChannels, crowdPatterns)
	if n := r.Metric(`clients`); n != processes*crowdConns {
		t.Errorf("%v connections, want %d", n, processes*crowdConns)
	}
	asks := r.Dial()
	asks.Send("PUBSUB", "NUMSUB", "crowd:7")
	asks.Expect(t, fmt.Sprintf("[crowd:7 %d]", processes))

	kill(list[1:]...)
	redistest.Eventually(t, redistest.DefaultTimeout, "the dead connections are gone", func() bool {
		return r.Metric(`clients`) == crowdConns+1
	})
	expect("one process alive", crowdChannels, crowdPatterns)

	kill(list[0])
	redistest.Eventually(t, redistest.DefaultTimeout, "Redis is asked for nothing but the probe", func() bool {
		channels, patterns := harness.Interest(t, redis)
		return len(channels) == 0 && patterns == 0
	})
	expect("all dead", 0, 0)
	asks.Close()
	harness.ReturnsTo(t, before)
}

// TestFleetHearsEachOther has a process behind each of three relays, of which the
// third comes later, and a client on Redis itself: what one publishes all hear.
func TestFleetHearsEachOther(t *testing.T) {
	for _, kind := range []struct{ subscribe, name, publish, message string }{
		{"SUBSCRIBE", "news:1", "PUBLISH", "[message news:1 %s]"},
		{"PSUBSCRIBE", "news:*", "PUBLISH", "[pmessage news:* news:1 %s]"},
		{"SSUBSCRIBE", "news:1", "SPUBLISH", "[smessage news:1 %s]"},
	} {
		if kind.subscribe == "SSUBSCRIBE" && !redistest.Shards(t) {
			continue
		}
		t.Run(strings.ToLower(kind.subscribe), func(t *testing.T) {
			redis := redistest.Start(t)
			var listeners, publishers []*redistest.Client
			join := func(dial func() *redistest.Client) {
				sub, pub := dial(), dial()
				sub.Send(kind.subscribe, kind.name)
				sub.Expect(t, fmt.Sprintf("[%s %s 1]", strings.ToLower(kind.subscribe), kind.name))
				listeners, publishers = append(listeners, sub), append(publishers, pub)
			}
			exchange := func() {
				for i, p := range publishers {
					p.Send(kind.publish, "news:1", fmt.Sprintf("from-%d", i))
					p.Expect(t, fmt.Sprintf(":%d", len(listeners)))
					for _, l := range listeners {
						l.Expect(t, fmt.Sprintf(kind.message, fmt.Sprintf("from-%d", i)))
					}
				}
			}
			join(func() *redistest.Client { return redistest.Dial(t, "tcp", redis.Addr()) })
			join(harness.Start(t, redis).Dial)
			join(harness.Start(t, redis).Dial)
			exchange()
			join(harness.Start(t, redis).Dial)
			exchange()
		})
	}
}
