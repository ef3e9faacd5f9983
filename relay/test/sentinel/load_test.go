package sentinel

// Publishers at all servers, and what became of each message.

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// heard is a message that the listener got.
type heard struct {
	text string
	at   time.Time
}

// load is publishers at all servers, and what a listener of the relay gets of it.
type load struct {
	s       *scene
	stop    func() // publishing
	done    chan struct{}
	running sync.WaitGroup

	mu    sync.Mutex // Guards what follows.
	sent  []harness.Sent
	heard []heard
	gaps  []relay.Event
}

const loadChannel = "c:load"

// publishAtMaster publishes on a master, and fails on a replica, from which nobody else would hear it.
const publishAtMaster = "redis.call('SET', KEYS[1], 1) return redis.call('PUBLISH', ARGV[1], ARGV[2])"

// startLoad begins to publish at every server that is a master, and through the relay, and to listen.
func (s *scene) startLoad() *load {
	s.t.Helper()
	l := &load{s: s, done: make(chan struct{})}
	l.stop = sync.OnceFunc(func() {
		close(l.done)
		l.running.Wait()
	})
	s.t.Cleanup(l.stop)
	sub, events := s.relay.Subscribe(loadChannel), s.relay.Subscribe("relay:events")
	go harness.Listen(sub, &l.mu, func(_, payload string) { l.heard = append(l.heard, heard{payload, time.Now()}) })
	go harness.Listen(events, &l.mu, func(_, payload string) {
		var e relay.Event
		if json.Unmarshal([]byte(payload), &e) == nil && e.Event == "gap" {
			l.gaps = append(l.gaps, e)
		}
	})
	for i, server := range s.Servers {
		l.running.Go(func() {
			harness.SendNumbers(l.done, strconv.Itoa(i), "tcp", server.Addr(), func(text string) []string {
				return []string{"EVAL", publishAtMaster, "1", "any", loadChannel, text}
			}, l.taken)
		})
	}
	l.running.Go(func() {
		harness.SendNumbers(l.done, "local", "unix", s.relay.Socket, func(text string) []string {
			return []string{"PUBLISH", loadChannel, text}
		}, l.taken)
	})
	l.await("messages come", func() bool { return len(l.heard) > 10 })
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

// flows waits until something of a server is heard that it takes from now on, and returns when the first of it came.
func (l *load) flows(server int) (at time.Time) {
	l.s.t.Helper()
	l.mu.Lock()
	from := len(l.heard)
	l.mu.Unlock()
	l.await("messages of the new master come", func() bool {
		for _, m := range l.heard[from:] {
			if strings.HasPrefix(m.text, strconv.Itoa(server)+":") {
				at = m.at
				return true
			}
		}
		return false
	})
	return at
}

// first returns when the first message of a server was heard after a time.
func (l *load) first(server int, after time.Time) time.Time {
	l.s.t.Helper()
	var at time.Time
	l.await("messages of the new master come", func() bool {
		for _, m := range l.heard {
			if m.at.After(after) && strings.HasPrefix(m.text, strconv.Itoa(server)+":") {
				at = m.at
				return true
			}
		}
		return false
	})
	return at
}

// account ends the load and compares: what a master has taken was heard, or is in a gap that was told. Nothing was
// heard twice, and what one publisher sent was heard in its order.
func (l *load) account() {
	t := l.s.t
	t.Helper()
	l.stop()
	var missing []harness.Sent
	stopped := time.Now()
	redistest.Eventually(t, patience, "all is heard or told, or is not for long", func() bool {
		missing = l.untold()
		return len(missing) == 0 || time.Since(stopped) > patience/2
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Logf("%d messages sent, %d heard, %d gaps", len(l.sent), len(l.heard), len(l.gaps))
	harness.FailUntold(t, missing, l.gaps)
	newest := map[string]int{}
	for _, m := range l.heard {
		name, number, _ := strings.Cut(m.text, ":")
		n, _ := strconv.Atoi(number)
		if before, ok := newest[name]; ok && n <= before {
			t.Errorf("%s is heard after %s:%d", m.text, name, before)
		}
		newest[name] = n
	}
}

// untold lists messages that are neither heard nor in a gap.
func (l *load) untold() []harness.Sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	had := make(map[string]bool, len(l.heard))
	for _, m := range l.heard {
		had[m.text] = true
	}
	return harness.Untold(l.sent, func(text string) bool { return had[text] }, l.gaps)
}
