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
)

// sent is a message that a node has taken.
type sent struct {
	text          string
	before, after time.Time
}

// load is publishers at all nodes of a cluster, and what a listener of the relay gets of it.
type load struct {
	s       *scene
	stop    func() // publishing
	done    chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex // Guards what follows.
	sent  []sent
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
	go l.listen(sub, func(payload string) { l.heard = append(l.heard, payload) })
	go l.listen(events, func(payload string) {
		if e := eventOf(payload); e.Event == "gap" {
			l.gaps = append(l.gaps, e)
		}
	})
	for i, n := range s.Nodes {
		l.running.Go(func() { l.publish(strconv.Itoa(i), n.Addr()) })
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

func (l *load) listen(c *redistest.Client, take func(payload string)) {
	for {
		v, err := c.TryReceive()
		switch {
		case err != nil:
			return // the test has ended
		case len(v.Elems) == 3:
			l.mu.Lock()
			take(v.Elems[2].Str)
			l.mu.Unlock()
		}
	}
}

// publish publishes numbers at a node until the load ends, whatever becomes of the node.
func (l *load) publish(name, addr string) {
	var c *redistest.Client
	for n := 0; ; n++ {
		select {
		case <-l.done:
			if c != nil {
				c.Close()
			}
			return
		case <-time.After(2 * time.Millisecond):
		}
		if c == nil {
			var err error
			if c, err = redistest.Open("tcp", addr); err != nil {
				c = nil
				continue
			}
			c.SetTimeout(500 * time.Millisecond)
		}
		text := name + ":" + strconv.Itoa(n)
		before := time.Now()
		if v, err := c.TryDo("PUBLISH", loadChannel, text); err != nil || v.Type != ':' {
			c.Close()
			c = nil
			continue
		}
		l.mu.Lock()
		l.sent = append(l.sent, sent{text, before, time.Now()})
		l.mu.Unlock()
	}
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
		for i := len(l.sent) - 1; i >= 0 && l.sent[i].before.After(began); i-- {
			if strings.HasPrefix(l.sent[i].text, name) && heard[l.sent[i].text] {
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
	var missing []sent
	l.mu.Lock()
	last := l.sent[len(l.sent)-1]
	l.mu.Unlock()
	redistest.Eventually(t, patience, "all is heard or told: "+last.text, func() bool {
		missing = l.untold()
		return len(missing) == 0 || time.Since(last.after) > 20*time.Second
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d messages sent, %d heard, %d gaps", len(l.sent), len(l.heard), len(l.gaps))
	for _, g := range l.gaps {
		t.Logf("gap from %v to %v: %s", g.Since.Format(time.StampMilli), g.Until.Format(time.StampMilli), g.Cause)
	}
	for _, m := range missing[:min(5, len(missing))] {
		t.Errorf("%s was sent at %v, and is neither heard nor told", m.text, m.before.Format(time.StampMilli))
	}
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
func (l *load) untold() (missing []sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.heardSet()
	for _, m := range l.sent {
		if !heard[m.text] && !inGap(l.gaps, m) {
			missing = append(missing, m)
		}
	}
	return missing
}

// inGap reports whether a message may have been published in one of the gaps.
func inGap(gaps []relay.Event, m sent) bool {
	for _, g := range gaps {
		if !m.after.Before(*g.Since) && !m.before.After(*g.Until) {
			return true
		}
	}
	return false
}
