package cluster

// Keys that are set at all nodes, and what listeners of the relay heard of it.

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// set sets a key at the node that has it, and reports whether that has taken it.
func (s *scene) set(key string) bool {
	for _, n := range s.Nodes {
		if _, err := n.Do("SET", key, "v"); err == nil {
			return true
		}
	}
	return false
}

// mustSet sets n keys with a prefix, and waits while slots move.
func (s *scene) mustSet(prefix string, n int) (keys []string) {
	s.t.Helper()
	for i := range n {
		key := prefix + strconv.Itoa(i)
		redistest.Eventually(s.t, patience, "a key is set", func() bool { return s.set(key) })
		keys = append(keys, key)
	}
	return keys
}

// diary is what listeners of the relay heard.
type diary struct {
	mu    sync.Mutex       // Guards what follows.
	heard map[string][]int // by key: which listener
	gaps  []relay.Event
}

// listen has clients, that have subscribed, write down what comes.
func (s *scene) listen(clients ...*redistest.Client) *diary {
	s.t.Helper()
	d := &diary{heard: map[string][]int{}}
	for i, c := range clients {
		go harness.Listen(c, &d.mu, func(_, payload string) { d.heard[payload] = append(d.heard[payload], i) })
	}
	go harness.Listen(s.relay.Subscribe("relay:events"), &d.mu, func(_, payload string) {
		if e := eventOf(payload); e.Event == "gap" {
			d.gaps = append(d.gaps, e)
		}
	})
	return d
}

// has waits until keys are heard.
func (d *diary) has(t *testing.T, keys []string) {
	t.Helper()
	redistest.Eventually(t, patience, fmt.Sprintf("%d events come", len(keys)), func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, k := range keys {
			if len(d.heard[k]) == 0 {
				return false
			}
		}
		return true
	})
}

// once fails if something was heard twice.
func (d *diary) once(t *testing.T) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, by := range d.heard {
		if len(by) > 1 {
			t.Errorf("the event of %s was heard %d times", key, len(by))
		}
	}
}

// comeAgain waits until events of all nodes come again.
func (s *scene) comeAgain(d *diary) {
	s.t.Helper()
	round := 0
	redistest.Eventually(s.t, patience, "the events of all nodes come", func() bool {
		round++
		keys := s.mustSet(fmt.Sprint("again", round, ":"), 12)
		until := time.Now().Add(time.Second)
		for time.Now().Before(until) {
			if d.hasNow(keys) {
				return true
			}
			time.Sleep(10 * time.Millisecond)
		}
		return false
	})
}

func (d *diary) hasNow(keys []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range keys {
		if len(d.heard[k]) == 0 {
			return false
		}
	}
	return true
}

// countGaps counts the gaps that were told of key space events, and of other channels.
func (d *diary) countGaps() (events, others int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.gaps {
		if slices.Equal(g.Prefixes, eventPrefixes) {
			events++
		}
	}
	return events, len(d.gaps) - events
}

// settings is keys that were set, one after the other.
type settings struct {
	s    *scene
	stop func()
	sent []harness.Sent // after stop
}

// setMany begins to set keys.
func (s *scene) setMany() *settings {
	l, done := &settings{s: s}, make(chan struct{})
	var running sync.WaitGroup
	l.stop = sync.OnceFunc(func() {
		close(done)
		running.Wait()
	})
	s.t.Cleanup(l.stop)
	var mu sync.Mutex
	for i, node := range s.Nodes { // each takes the keys of its slots
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				case <-time.After(2 * time.Millisecond):
				}
				key, before := fmt.Sprint("many", i, ":", n), time.Now()
				if _, err := node.Do("SET", key, "v"); err == nil {
					mu.Lock()
					l.sent = append(l.sent, harness.Sent{Text: key, Before: before, After: time.Now()})
					mu.Unlock()
				}
			}
		})
	}
	return l
}

// account compares what was set with what was heard and told.
func (l *settings) account(d *diary) {
	t := l.s.t
	t.Helper()
	var missing []harness.Sent
	stopped := time.Now()
	redistest.Eventually(t, patience, "all is heard or told, or is not for long", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		missing = harness.Untold(l.sent, func(key string) bool { return len(d.heard[key]) > 0 }, d.gaps)
		return len(missing) == 0 || time.Since(stopped) > patience/2
	})
	d.once(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	t.Logf("%d keys set, %d events heard, %d gaps", len(l.sent), len(d.heard), len(d.gaps))
	harness.FailUntold(t, missing, d.gaps)
}
