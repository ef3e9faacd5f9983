package history

// Publishes with history whose answer is lost with the connection.

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	resolvePublishers = 8
	resolveEach       = 2500
	resolveChannels   = 5
	resolveLosses     = 50
	resolveRound      = resolveEach / resolveLosses // publishes of each, up to the next loss
)

// fates is what publishers were told of their messages.
type fates struct {
	acknowledged map[string]string // by channel and payload: the ID; empty: the answer has none
	refused      map[string]bool
	unknown      map[string]bool
}

// TestLostAnswersAreFound: the connection is lost again and again, at both ends and in the middle of answers,
// while some publishers pipeline and some wait. Whatever was acknowledged is in its stream once, under the very
// ID; what was refused is not there.
func TestLostAnswersAreFound(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	relay := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), harness.WithRoutes(harness.Diary("d:", 1_000_000)),
		func(c *config.Config) { c.Redis.PublishTimeout = redistest.DefaultTimeout / 2 }) // on a busy machine it takes long to connect

	relay.Dial().Do("XADD", "d:0", "*", "payload", "first") // before it Redis can prove nothing

	rounds := make([]chan struct{}, resolveLosses)
	for i := range rounds {
		rounds[i] = make(chan struct{})
	}
	var answered atomic.Int64
	all := make([]fates, resolvePublishers)
	var publishers errgroup.Group
	for p := range all {
		all[p] = fates{map[string]string{}, map[string]bool{}, map[string]bool{}}
		window := 1
		if p%2 == 0 {
			window = 40
		}
		c := relay.Dial()
		c.SetTimeout(redistest.DefaultTimeout)
		publishers.Go(func() error { return all[p].publish(c, p, window, rounds, &answered) })
	}
	done := make(chan error, 1)
	go func() { done <- publishers.Wait() }()
	lose(t, redis, proxy, rounds, &answered)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	inStreams(t, redis, all)
	if n := relay.Metric("upstream_connections_total"); n < resolveLosses {
		t.Errorf("only %v connections", n)
	}
}

// lose lets publishers begin one round after the other, and breaks the connection in the middle of each.
func lose(t *testing.T, redis *redistest.Server, proxy *redistest.Proxy, rounds []chan struct{}, answered *atomic.Int64) {
	for n, round := range rounds {
		before := int64(n * resolveRound * resolvePublishers)
		redistest.Eventually(t, redistest.DefaultTimeout, "the round before is answered", func() bool {
			return answered.Load() >= before
		})
		close(round)
		for answered.Load() < before+int64(resolvePublishers*n/2) {
			runtime.Gosched()
		}
		switch n % 3 {
		case 0:
			proxy.Cut()
		case 1:
			proxy.CutAfter(int64(97 * n)) // the next connection ends, too
			proxy.Cut()
		default:
			_, _ = redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
		}
	}
}

func (f *fates) publish(
	c *redistest.Client, p, window int, rounds []chan struct{}, answered *atomic.Int64,
) error {
	for sent := 0; sent < resolveEach; {
		<-rounds[sent/resolveRound]
		n := min(window, resolveRound-sent%resolveRound)
		var b []byte
		var messages []string
		for i := range n {
			channel, payload := fmt.Sprintf("d:%d", (sent+i)%resolveChannels), fmt.Sprintf("%d-%d", p, sent+i)
			messages = append(messages, channel+" "+payload)
			if i%2 == 0 {
				b = redistest.AppendCommand(b, "XADD", channel, "*", "payload", payload)
			} else {
				b = redistest.AppendCommand(b, "PUBLISH", channel, payload)
			}
		}
		if err := c.TrySendRaw(b); err != nil {
			return err
		}
		for _, m := range messages {
			v, err := c.TryReceive()
			switch {
			case err != nil:
				return fmt.Errorf("publisher %d: %w", p, err)
			case v.Type == ':':
				f.acknowledged[m] = ""
			case v.Type == '$':
				f.acknowledged[m] = v.Str
			case strings.Contains(v.Str, "nothing was published"):
				f.refused[m] = true
			case strings.Contains(v.Str, "may have been published"):
				f.unknown[m] = true
			default:
				return fmt.Errorf("publisher %d: %s", p, v)
			}
		}
		answered.Add(int64(n))
		sent += n
	}
	return nil
}

// inStreams compares what publishers were told with what is in the streams.
func inStreams(t *testing.T, redis *redistest.Server, all []fates) {
	t.Helper()
	ids := map[string]string{}
	for i := range resolveChannels {
		channel := fmt.Sprintf("d:%d", i)
		for _, e := range redis.MustDo("XRANGE", "history:{"+channel+"}", "-", "+").Elems {
			m := channel + " " + e.Elems[1].Elems[1].Str
			if ids[m] != "" {
				t.Errorf("%s is there twice, as %s and %s", m, ids[m], e.Elems[0].Str)
			}
			ids[m] = e.Elems[0].Str
		}
	}
	acknowledged, refused, unknown, there := 0, 0, 0, 0
	for _, f := range all {
		for m, id := range f.acknowledged {
			if acknowledged++; ids[m] == "" || id != "" && id != ids[m] {
				t.Errorf("%s was acknowledged with the ID %q, and is %q", m, id, ids[m])
			}
		}
		for m := range f.refused {
			if refused++; ids[m] != "" {
				t.Errorf("of %s nothing was published, and it is there as %s", m, ids[m])
			}
		}
		for m := range f.unknown {
			if unknown++; ids[m] != "" {
				there++
			}
		}
	}
	t.Logf("of %d publishes %d were acknowledged, of %d nothing was published; %d stayed unknown, %d of them are there",
		acknowledged+refused+unknown, acknowledged, refused, unknown, there)
	if unknown > resolvePublishers*resolveEach/100 {
		t.Errorf("%d stayed unknown", unknown)
	}
}
