package cluster

// Publishers on shard channels, at the nodes and at relays, and what became of each message.

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const shardChannels = 12 // with a publisher at the nodes and one at a relay each

// shardLoad is those publishers, and a listener of each relay.
type shardLoad struct {
	s         *scene
	failsOver bool   // a replica takes over: it may hand on, late, what its master has taken in a gap
	stop      func() // publishing
	done      chan struct{}
	running   sync.WaitGroup
	ears      []*shardEar

	mu   sync.Mutex     // guards what follows
	sent []harness.Sent // text is "channel publisher number"
}

// shardEar is a listener of one relay. It is told of gaps, and stays connected.
type shardEar struct {
	relay *harness.Relay

	mu    sync.Mutex // guards what follows
	heard []string   // as in sent
	gaps  []relay.Event
}

func shardChannel(i int) string { return fmt.Sprint("s:", i) }

// startShardLoad begins to publish and to listen, by SSUBSCRIBE at one relay and by SUBSCRIBE at the other.
func (s *scene) startShardLoad() *shardLoad {
	s.t.Helper()
	l := &shardLoad{s: s, done: make(chan struct{})}
	l.stop = sync.OnceFunc(func() {
		close(l.done)
		l.running.Wait()
	})
	s.t.Cleanup(l.stop)
	for i, r := range []*harness.Relay{s.relay, startRelay(s.t, s.Cluster)} {
		l.ears = append(l.ears, listenToShards(r, []string{"SSUBSCRIBE", "SUBSCRIBE"}[i]))
	}
	for i := range shardChannels {
		l.running.Go(func() { l.publishAtNodes(shardChannel(i)) })
		l.running.Go(func() { l.publishAtRelay(shardChannel(i), l.ears[i%2].relay) })
	}
	l.flow("at first")
	return l
}

func listenToShards(r *harness.Relay, command string) *shardEar {
	e := &shardEar{relay: r}
	sub, events := r.Dial(), r.Subscribe("relay:events")
	args, want := []string{command}, make([]string, shardChannels)
	for i := range want {
		args = append(args, shardChannel(i))
		want[i] = fmt.Sprintf("[%s %s %d]", strings.ToLower(command), shardChannel(i), i+1)
	}
	sub.Send(args...)
	if err := harness.Expect(sub, want...); err != nil {
		panic(err)
	}
	go harness.Listen(sub, &e.mu, func(channel, payload string) { e.heard = append(e.heard, channel+" "+payload) })
	go harness.Listen(events, &e.mu, func(_, payload string) {
		if g := eventOf(payload); g.Event == "gap" {
			for _, prefix := range g.Prefixes {
				if prefix == "s:" && strings.Contains(g.Cause, "shard channels") {
					e.gaps = append(e.gaps, g)
				}
			}
		}
	})
	return e
}

// publishAtNodes publishes numbers on a channel, at the node that takes them, until the load ends.
func (l *shardLoad) publishAtNodes(channel string) {
	var c *redistest.Client
	turn, addr := 0, ""
	for n := 0; l.goesOn(); n++ {
		for c == nil && l.goesOn() {
			if addr == "" {
				turn++
				addr = l.s.Nodes[turn%len(l.s.Nodes)].Addr()
			}
			c, _ = redistest.Open("tcp", addr)
			if addr = ""; c != nil {
				c.SetTimeout(500 * time.Millisecond)
			}
		}
		if c == nil {
			return
		}
		v, taken := l.publish(c, channel, "node", n, "SPUBLISH")
		if !taken {
			c.Close()
			c = nil
			if f := strings.Fields(v.Str); len(f) == 3 && f[0] == "MOVED" {
				addr = f[2]
				n--
			}
		}
	}
	if c != nil {
		c.Close()
	}
}

// publishAtRelay publishes numbers on a channel, in both forms, until the load ends.
func (l *shardLoad) publishAtRelay(channel string, r *harness.Relay) {
	c := r.Dial()
	for n := 0; l.goesOn(); n++ {
		l.publish(c, channel, "relay", n, []string{"PUBLISH", "SPUBLISH"}[n%2])
	}
}

// goesOn waits a little, and tells whether the load goes on.
func (l *shardLoad) goesOn() bool {
	select {
	case <-l.done:
		return false
	case <-time.After(2 * time.Millisecond):
		return true
	}
}

// publish publishes one message, and notes it if it was taken.
func (l *shardLoad) publish(
	c *redistest.Client, channel, by string, n int, command string,
) (v redistest.Value, taken bool) {
	payload, before := fmt.Sprint(by, " ", n), time.Now()
	v, err := c.TryDo(command, channel, payload)
	if taken = err == nil && v.Type == ':'; taken {
		l.mu.Lock()
		l.sent = append(l.sent, harness.Sent{Text: channel + " " + payload, Before: before, After: time.Now()})
		l.mu.Unlock()
	}
	return v, taken
}

// flow waits until something that each publisher sends from now on is heard by all.
func (l *shardLoad) flow(when string) {
	l.s.t.Helper()
	began := time.Now()
	redistest.Eventually(l.s.t, patience, "messages on all channels come "+when, func() bool {
		fresh := map[string]bool{}
		l.mu.Lock()
		for i := len(l.sent) - 1; i >= 0 && l.sent[i].Before.After(began); i-- {
			fresh[l.sent[i].Text] = true
		}
		l.mu.Unlock()
		for _, e := range l.ears {
			from := map[string]bool{}
			e.mu.Lock()
			for i := len(e.heard) - 1; i >= 0 && i > len(e.heard)-5000; i-- {
				if text := e.heard[i]; fresh[text] {
					from[text[:strings.LastIndexByte(text, ' ')]] = true
				}
			}
			e.mu.Unlock()
			if len(from) < 2*shardChannels {
				return false
			}
		}
		return true
	})
}

// account ends the load and compares: what was taken was heard, or is in a gap that was told. Nothing was heard twice,
// and what one publisher sent on a channel was heard in its order.
func (l *shardLoad) account() {
	t := l.s.t
	t.Helper()
	l.stop()
	stopped := time.Now()
	for i, e := range l.ears {
		var missing []harness.Sent
		redistest.Eventually(t, patience, "all is heard or told", func() bool {
			missing = e.untold(l.sent)
			return len(missing) == 0 || time.Since(stopped) > patience/2
		})
		e.mu.Lock()
		t.Logf("listener %d: %d messages sent, %d heard, %d gaps", i, len(l.sent), len(e.heard), len(e.gaps))
		harness.FailUntold(t, missing, e.gaps)
		e.checkOrder(t, l.sent, l.failsOver)
		e.mu.Unlock()
	}
}

// untold lists messages that are neither heard nor in a gap.
func (e *shardEar) untold(all []harness.Sent) []harness.Sent {
	e.mu.Lock()
	defer e.mu.Unlock()
	heard := make(map[string]bool, len(e.heard))
	for _, text := range e.heard {
		heard[text] = true
	}
	return harness.Untold(all, func(text string) bool { return heard[text] }, e.gaps)
}

// checkOrder checks that nothing is heard twice, and that the numbers of each publisher rise: of what was taken, since
// nodes may carry out later what they have not answered. Of what a gap has, neither holds if a replica takes over.
func (e *shardEar) checkOrder(t *testing.T, all []harness.Sent, failsOver bool) {
	t.Helper()
	taken, newest, had := map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, m := range all {
		taken[m.Text] = !failsOver || !m.InGap(e.gaps)
	}
	for _, text := range e.heard {
		if had[text] && (taken[text] || !failsOver) {
			t.Errorf("%s is heard twice", text)
		}
		had[text] = true
		if !taken[text] {
			continue
		}
		at := strings.LastIndexByte(text, ' ')
		n, _ := strconv.Atoi(text[at+1:])
		if before, ok := newest[text[:at]]; ok && n <= before {
			t.Errorf("%s is heard after number %d", text, before)
		}
		newest[text[:at]] = n
	}
}

// gapCount counts the gaps that a listener was told of.
func (e *shardEar) gapCount() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.gaps)
}
