package cluster

// Publishers at all nodes, and what became of each message.

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// load is publishers at all nodes of a cluster, and what a listener of the relay gets of it.
type load struct {
	s       *scene
	stop    func() // publishing
	done    chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex // Guards what follows.
	sent  []harness.Sent
	heard []string
	gaps  []relay.Event
}

const loadChannel = "c:load"

// startLoad begins to publish at every node, and to listen. The listener is told of gaps, and stays connected.
func (s *scene) startLoad() *load {
	s.t.Helper()
	l := &load{s: s, done: make(chan struct{})}
	l.stop = sync.OnceFunc(func() {
		close(l.done)
		l.running.Wait()
	})
	s.t.Cleanup(l.stop)
	sub, events := s.relay.Subscribe(loadChannel), s.relay.Subscribe("relay:events")
	go harness.Listen(sub, &l.mu, func(_, payload string) { l.heard = append(l.heard, payload) })
	go harness.Listen(events, &l.mu, func(_, payload string) {
		if e := eventOf(payload); e.Event == "gap" {
			l.gaps = append(l.gaps, e)
		}
	})
	for i, n := range s.Nodes {
		l.running.Go(func() {
			harness.SendNumbers(l.done, strconv.Itoa(i), "tcp", n.Addr(), func(text string) []string {
				return []string{"PUBLISH", loadChannel, text}
			}, l.taken)
		})
	}
	l.await("messages of all nodes come", func() bool {
		from := map[byte]bool{}
		for _, text := range l.heard {
			from[text[0]] = true
		}
		return len(from) == len(s.Nodes)
	})
	return l
}

func (l *load) taken(m harness.Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, m)
}

// await waits for a condition on what came.
func (l *load) await(what string, met func() bool) {
	l.s.t.Helper()
	redistest.Eventually(l.s.t, patience, what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return met()
	})
}

// flows waits until something that a node takes from now on is heard.
func (l *load) flows(node int) {
	l.s.t.Helper()
	began, name := time.Now(), strconv.Itoa(node)+":"
	l.await("messages of node "+name+" come", func() bool {
		heard := l.heardSet()
		for i := len(l.sent) - 1; i >= 0 && l.sent[i].Before.After(began); i-- {
			if strings.HasPrefix(l.sent[i].Text, name) && heard[l.sent[i].Text] {
				return true
			}
		}
		return false
	})
}

func (l *load) heardSet() map[string]bool {
	set := make(map[string]bool, len(l.heard))
	for _, text := range l.heard {
		set[text] = true
	}
	return set
}

// account ends the load and compares: what a node has taken was heard, or is in a gap that was told. Nothing was heard
// twice, and what one node took was heard in its order.
func (l *load) account() {
	t := l.s.t
	t.Helper()
	l.stop()
	var missing []harness.Sent
	l.mu.Lock()
	last := l.sent[len(l.sent)-1]
	l.mu.Unlock()
	redistest.Eventually(t, patience, "all is heard or told: "+last.Text, func() bool {
		missing = l.untold()
		return len(missing) == 0 || time.Since(last.After) > 20*time.Second
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d messages sent, %d heard, %d gaps", len(l.sent), len(l.heard), len(l.gaps))
	harness.FailUntold(t, missing, l.gaps)
	newest, had := map[string]int{}, map[string]bool{}
	for _, text := range l.heard {
		if had[text] && l.moved() {
			continue
		}
		had[text] = true
		node, number, _ := strings.Cut(text, ":")
		n, _ := strconv.Atoi(number)
		if before, ok := newest[node]; ok && n <= before {
			t.Errorf("%s is heard after %s:%d", text, node, before)
		}
		newest[node] = n
	}
}

// moved tells whether the relay has gone to another node, which may hand on what the relay has had already.
func (l *load) moved() bool {
	return slices.ContainsFunc(l.gaps, func(g relay.Event) bool { return g.Cause == "the connection to Redis was lost" })
}

// untold lists messages that are neither heard nor in a gap.
func (l *load) untold() []harness.Sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heardSet()
	return harness.Untold(l.sent, func(text string) bool { return heard[text] }, l.gaps)
}
