package upstreams

// A live system moves from one Redis to another, as docs/operations.md says, and nobody misses a message.

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// steps are what the recipe writes for the routes, one after the other, on each host.
var steps = []string{"upstream: main", "upstream: main, also_subscribe: [eu]", "upstream: eu, also_subscribe: [main]", "upstream: eu"}

// routesAt returns the routes of a step.
func routesAt(step string) string {
	return "- {prefix: 'chat:', " + step + "}\n- {prefix: 'diary:', history: {length: 100000}, " + step + "}\n"
}

// hearer counts what one client hears: of each publisher, its numbers.
type hearer struct {
	what string
	seen map[string]int // payload -> times
	end  string         // the payload that ends it, once for each publisher

	marks atomic.Int64 // heard of the test's own
}

// mark is a payload of the test's own.
const mark = "mark"

// hear reads until each of n publishers has ended.
func (h *hearer) hear(c *redistest.Client, n int) error {
	for ended := 0; ended < n; {
		v, err := c.TryReceive()
		if err != nil {
			return fmt.Errorf("%s, after %d messages: %w", h.what, len(h.seen), err)
		}
		payload := v.Elems[len(v.Elems)-1].Str
		if strings.HasPrefix(payload, h.end) {
			ended++
			continue
		}
		if payload == mark {
			h.marks.Add(1)
			continue
		}
		h.seen[payload]++
	}
	return nil
}

// publishUntil publishes numbered messages on two channels until ctx ends, and returns how many on each. done counts
// those that Redis has.
func publishUntil(ctx context.Context, c *redistest.Client, name string, done *atomic.Int64) (sent int, err error) {
	for ctx.Err() == nil {
		for _, command := range [][]string{
			{"PUBLISH", "chat:1", fmt.Sprint(name, sent)}, {"XADD", "diary:1", "*", "payload", fmt.Sprint(name, sent)},
		} {
			v, err := c.TryDo(command...)
			if err == nil {
				err = v.Err()
			}
			if err != nil {
				return sent, fmt.Errorf("%s %d: %w", name, sent, err)
			}
		}
		sent++
		done.Add(1)
		time.Sleep(200 * time.Microsecond) // a rate, not a wait
	}
	return sent, nil
}

// arrive waits until all that was published until now has come to the relays that hear the Redis: each publisher goes on
// to its next messages, and those hearers hear one of Redis itself behind them.
func arrive(t *testing.T, redis *redistest.Server, done []atomic.Int64, hearers []*hearer) {
	t.Helper()
	for i := range done {
		before := done[i].Load()
		redistest.Eventually(t, redistest.DefaultTimeout, "it publishes", func() bool { return done[i].Load() >= before+2 })
	}
	var before []int64
	for _, h := range hearers {
		before = append(before, h.marks.Load())
	}
	redis.MustDo("PUBLISH", "chat:1", mark)
	for i, h := range hearers {
		redistest.Eventually(t, redistest.DefaultTimeout, h.what+" hears the mark", func() bool { return h.marks.Load() > before[i] })
	}
}

func TestMovingALiveSystem(t *testing.T) {
	t.Parallel()
	main, eu := redistest.Start(t), redistest.Start(t)
	var relays []*harness.Relay
	var files []*file
	for i := range 3 {
		f := &file{filepath.Join(t.TempDir(), fmt.Sprint(i, ".yaml")), eu, "15s"}
		f.write(t, routesAt(steps[0]), "")
		r := harness.Start(t, main, harness.WithFile(t, f.path))
		awaitReady(t, r, "eu", 1)
		relays, files = append(relays, r), append(files, f)
	}
	var hearing, publishing errgroup.Group
	var hearers, ofChat []*hearer
	listen := func(r *harness.Relay, what string, command ...string) *hearer {
		c := r.Dial()
		c.Send(command...)
		for range command[1:] {
			c.Receive()
		}
		h := &hearer{what: what, seen: map[string]int{}, end: "end"}
		hearers = append(hearers, h)
		hearing.Go(func() error { return h.hear(c, len(relays)) })
		return h
	}
	for i, r := range relays {
		ofChat = append(ofChat, listen(r, fmt.Sprint("chat on ", i), "SUBSCRIBE", "chat:1"))
		listen(r, fmt.Sprint("diary on ", i), "SUBSCRIBE", "diary:1")
		listen(r, fmt.Sprint("a pattern on ", i), "PSUBSCRIBE", "chat:*")
	}
	ctx, stop := context.WithCancel(t.Context())
	sent, done := make([]int, len(relays)), make([]atomic.Int64, len(relays))
	for i, r := range relays {
		c := r.Dial()
		publishing.Go(func() (err error) {
			sent[i], err = publishUntil(ctx, c, string(rune('a'+i)), &done[i])
			return err
		})
	}
	for _, step := range steps[1:] {
		for i, r := range relays {
			time.Sleep(30 * time.Millisecond) // of load at each stage
			files[i].write(t, routesAt(step), "")
			if err := r.Reload(); err != nil {
				t.Fatal(err)
			}
			redistest.Eventually(t, redistest.DefaultTimeout, "all subscriptions stand", func() bool {
				return r.Metric(`upstream_ready{upstream="eu"}`) == 1 && r.Metric(`upstream_ready{upstream="main"}`) == 1
			})
		}
		if strings.Contains(step, "main") { // which the next step leaves
			arrive(t, main, done, ofChat)
		}
	}
	stop()
	if err := publishing.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, r := range relays { // each after all of its own
		c := r.Dial()
		publish(t, c, "chat:1", "end", 2*len(relays))
		if v := c.Do("XADD", "diary:1", "*", "payload", "end"); v.Err() != nil {
			t.Fatal(v)
		}
	}
	if err := hearing.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, h := range hearers {
		missing, twice := 0, 0
		for i, n := range sent {
			for k := range n {
				switch times := h.seen[fmt.Sprint(string(rune('a'+i)), k)]; {
				case times == 0:
					missing++
				case times > 1:
					twice++
				}
			}
		}
		if missing > 0 || twice > 0 {
			t.Errorf("%s: of %v messages %d are missing, and %d came twice", h.what, sent, missing, twice)
		}
	}
	holds(t, main, 0)
	for _, r := range relays {
		if n := r.Logs.FilterMessage("channels have moved to another upstream").Len(); n > 0 {
			t.Errorf("%d gaps are told of", n)
		}
	}
	t.Log("sent", sent)
}

// TestHearingBoth: a message on either Redis is heard, counts and publishes go to the route's own.
func TestHearingBoth(t *testing.T) {
	t.Parallel()
	s, f := newFileScene(t, "- {prefix: 'a:', on_gap: notify, also_subscribe: [eu]}\n- {prefix: 'd:', history: {length: 9}, also_subscribe: [eu]}\n")
	c, events := s.relay.Subscribe("a:1"), s.relay.Subscribe("relay:events")
	s.eu.MustDo("PUBLISH", "a:1", "new")
	c.Expect(t, message("a:1", "new"))
	publish(t, s.pub, "a:1", "old", 1)
	c.Expect(t, message("a:1", "old"))
	if n := s.relay.Metric(`subscriptions{kind="channel"}`); n != 2 { // and relay:events
		t.Errorf("%v channels", n)
	}
	s.eu.Kill()
	event(t, events, named("upstream_down", "eu"))
	late := s.relay.Subscribe("a:2") // main has it
	publish(t, s.pub, "a:2", "x", 1)
	late.Expect(t, message("a:2", "x"))
	s.eu.Restart()
	event(t, events, func(e *relay.Event) bool { return e.Event == "gap" && e.Upstream == "eu" })
	s.awaitEU(t, 1)
	s.eu.MustDo("PUBLISH", "a:2", "y")
	late.Expect(t, message("a:2", "y"))

	waiting := s.relay.Dial()
	waiting.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", "$")
	redistest.Eventually(t, redistest.DefaultTimeout, "somebody waits", func() bool {
		return s.relay.Metric(`history_readers{upstream="main"}`) == 1
	})
	f.write(t, "- {prefix: 'a:', upstream: eu, also_subscribe: [main]}\n- {prefix: 'd:', history: {length: 9}, upstream: eu, also_subscribe: [main]}\n", "")
	if err := s.relay.Reload(); err != nil {
		t.Fatal(err)
	}
	fails(t, waiting.Receive(), "ERR")
}
