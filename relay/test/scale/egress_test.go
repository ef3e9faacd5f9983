package scale

// Messages, bytes and connections at Redis, against the model.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/bench/scale/model"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	hosts     = 2
	processes = 5
	channels  = 3
	messages  = 300
)

// seldom leaves Redis to the messages of the test.
func seldom(c *config.Config) { c.Redis.ProbeInterval = time.Hour }

func channel(i int) string { return "scale:" + strconv.Itoa(i%channels) }

var payload = strings.Repeat("x", 500)

// deployment is what the tests start, for one second in which all messages are published.
func deployment() model.Deployment {
	return model.Deployment{
		Hosts: hosts, Processes: processes, Channels: channels, Rate: messages, Size: float64(len(payload)),
		Name: float64(len(channel(0))),
	}
}

func TestRelays(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var listeners []*redistest.Client
	for range hosts {
		r := harness.Start(t, redis, seldom)
		for range processes {
			listeners = append(listeners, r.Dial())
		}
	}
	load := model.Of(model.Relays, deployment()).Server
	what := fmt.Sprintf("the relays have %v connections", load.Connections)
	redistest.Eventually(t, redistest.DefaultTimeout, what, func() bool {
		list := redis.MustDo("CLIENT", "LIST").Str
		return strings.Count(list, "name=redis-relay:") == int(load.Connections)
	})
	compare(t, redis, listeners, load.Messages-hosts*model.ProbeRate.Value, load.Egress-hosts*model.IdleEgress.Value)
}

func TestDirect(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var listeners []*redistest.Client
	for range hosts * processes {
		listeners = append(listeners, redistest.Dial(t, "tcp", redis.Addr()))
	}
	load := model.Of(model.Direct, deployment()).Server
	compare(t, redis, listeners, load.Messages, load.Egress)
}

// compare publishes all messages, each heard by all listeners, and counts what Redis sends.
func compare(t *testing.T, redis *redistest.Server, listeners []*redistest.Client, wantMessages, wantBytes float64) {
	t.Helper()
	for _, l := range listeners {
		for c := range channels {
			l.Do("SUBSCRIBE", channel(c))
		}
	}
	pub := redistest.Dial(t, "unix", redis.Socket())
	before, own := egress(t, pub)
	var sent float64
	for i := range messages {
		sent += float64(pub.Do("PUBLISH", channel(i), payload).Int)
	}
	after, _ := egress(t, pub)
	if sent != wantMessages {
		t.Errorf("Redis sends %v messages, the model says %v", sent, wantMessages)
	}
	// Beside the messages there are a relay's PINGs, and the answers to this test's questions, about.
	if got := after - before - own; math.Abs(got-wantBytes) > .02*wantBytes {
		t.Errorf("Redis sends %v bytes, the model says %v", got, wantBytes)
	}
	for i, l := range listeners {
		if err := l.ReadMessages(messages, func(_, _ []byte) {}); err != nil {
			t.Errorf("listener %d: %v", i, err)
		}
	}
}

// egress is how many bytes Redis has sent to its clients, and how long this answer was.
func egress(t *testing.T, c *redistest.Client) (sent, own float64) {
	t.Helper()
	info := c.Do("INFO", "stats").Str
	_, rest, _ := strings.Cut(info, "total_net_output_bytes:")
	figure, _, _ := strings.Cut(rest, "\r\n")
	sent, err := strconv.ParseFloat(figure, 64)
	if err != nil {
		t.Fatalf("INFO stats tells no total_net_output_bytes: %q", info)
	}
	return sent, float64(len(info))
}
