package natsbridge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPublish answers with what the relay says.
func TestPublish(t *testing.T) {
	r := newServed(t)
	nc := r.client()
	for _, tt := range []struct{ subject, payload, code, body string }{
		{"publish.a.1", "12345", "", `{"receivers":5}`},
		{"publish.a.denied", "", "DENIED", `{"code":"DENIED","error":"a:denied: no"}`},
		{"publish.a.%zz", "", "DENIED", `is not the subject of a channel`},
		{"history.a.1", "", "", `{"entries":[{"id":"1-1","payload":"m"}]}`},
		{"history.a.1", `{"count":1}`, "", `{"entries":[{"id":"1-1","payload":"m"}],"more":true}`},
		{"history.a.1", `{`, "ERR", `count is 1 to 1000`},
		{"history.a.denied", "", "DENIED", `no history here`},
	} {
		m, err := nc.Request(tt.subject, []byte(tt.payload), soon)
		if err != nil || code(m) != tt.code || !strings.Contains(string(m.Data), tt.body) {
			t.Errorf("%s: %v, %+v", tt.subject, err, m)
		}
	}
}

// TestPublishesWaitForChecks keeps the order while one message is being checked.
func TestPublishesWaitForChecks(t *testing.T) {
	r := newServed(t)
	nc := r.client()
	inbox, answers := r.inbox(nc)
	r.do(func() { r.backend.checks = true })
	for i := range 3 {
		r.send(nc, "publish.a.1", inbox, fmt.Sprint(i))
	}
	for i := range 3 {
		r.eventually("a message is checked", func() bool { return len(r.backend.kept) == 1 })
		if err := nc.FlushTimeout(soon); err != nil {
			t.Fatal(err)
		}
		r.do(func() {
			if got := len(r.backend.published); got != i+1 {
				t.Errorf("%d messages while message %d is checked", got, i)
			}
		})
		receipt := r.allKept()[0]
		r.do(func() {
			if i < 2 {
				receipt.Checked()
			}
			receipt.Published(int64(i), "", nil) // implies it
		})
		if m := next(t, answers); string(m.Data) != fmt.Sprintf(`{"receivers":%d}`, i) {
			t.Errorf("answer %s", m.Data)
		}
	}
	r.do(func() {
		if got := r.backend.published; !slices.Equal(got, []string{"0", "1", "2"}) {
			t.Errorf("published %v", got)
		}
	})
}

// TestTooManyPublishes waits for answers, and then refuses what there is no room for. What waits is
// carried out when there is room, and nothing is refused any more.
func TestTooManyPublishes(t *testing.T) {
	for name, tt := range map[string]struct {
		publishes int
		payload   string
	}{
		"many": {maxRequests, "x"}, "large": {4, strings.Repeat("x", 1000)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newServed(t)
			nc := r.client()
			inbox, answers := r.inbox(nc)
			r.do(func() {
				r.backend.keeps = true
				if tt.publishes < maxRequests {
					r.bridge.behind.Queue.Store(4500)
				}
			})
			for range tt.publishes {
				r.send(nc, "publish.a.1", inbox, tt.payload)
			}
			r.eventually("all are taken", func() bool { return len(r.backend.published) == tt.publishes })

			r.send(nc, "publish.a.1", inbox, tt.payload)
			var receipts []Responder
			r.eventually("one waits", func() bool {
				if !r.bridge.conn.paused {
					return false
				}
				receipts, r.backend.kept = slices.Clone(r.backend.kept), nil
				receipts[0].Published(1, "", nil) // now: it waits for roomTimeout only
				return true
			})
			r.eventually("it is taken when there is room", func() bool { return len(r.backend.published) == tt.publishes+1 })
			if m := next(t, answers); code(m) != "" {
				t.Errorf("answer %s", m.Data)
			}

			began := time.Now()
			for range 3 {
				r.send(nc, "publish.a.1", inbox, tt.payload)
			}
			for range 3 {
				if m := next(t, answers); code(m) != "BUSY" {
					t.Errorf("answer %s", m.Data)
				}
			}
			if took := time.Since(began); took < roomTimeout || took > soon {
				t.Errorf("refused after %v", took)
			}
			if got := r.bridge.Stats().Refused["busy"]; got != 3 {
				t.Errorf("%d refusals counted", got)
			}
			receipts = append(receipts[1:], r.allKept()...)
			r.do(func() {
				r.backend.keeps = false
				for _, p := range receipts {
					p.Published(2, "", nil)
				}
			})
			r.send(nc, "publish.a.1", inbox, "xxx")
			for range receipts {
				if m := next(t, answers); string(m.Data) != `{"receivers":2}` {
					t.Errorf("answer %s", m.Data)
				}
			}
			if m := next(t, answers); string(m.Data) != `{"receivers":3}` {
				t.Errorf("answer %s", m.Data)
			}
		})
	}
}

// TestHistoryReaders reads for a few at a time, and refuses those that would wait behind too many.
func TestHistoryReaders(t *testing.T) {
	r := newServed(t)
	nc := r.client()
	inbox, answers := r.inbox(nc)
	release := make(chan struct{})
	r.backend.mu.Lock()
	r.backend.release = release
	r.backend.mu.Unlock()
	const tooMany = 3
	for range maxRequests + tooMany {
		r.send(nc, "history.a.1", inbox, "")
	}
	for range tooMany {
		if m := next(t, answers); code(m) != "BUSY" {
			t.Errorf("answer %s", m.Data)
		}
	}
	r.eventually("as many as may are being read", func() bool {
		r.backend.mu.Lock()
		defer r.backend.mu.Unlock()
		return r.backend.reading == maxReaders
	})
	close(release)
	for range maxRequests {
		if m := next(t, answers); code(m) != "" {
			t.Errorf("answer %s", m.Data)
		}
	}
	r.backend.mu.Lock()
	defer r.backend.mu.Unlock()
	if r.backend.most != maxReaders {
		t.Errorf("%d were read at a time, want %d", r.backend.most, maxReaders)
	}
}

// TestEndAnswers lets what was taken be answered before the server ends, and gives up reading history
// that does not.
func TestEndAnswers(t *testing.T) {
	r := newServed(t)
	r.bridge.publishTimeout = 3 * time.Second // fixed by now, and nobody else reads it
	nc := r.client()
	inbox, answers := r.inbox(nc)
	r.backend.mu.Lock()
	r.backend.release = make(chan struct{}) // for ever
	r.backend.mu.Unlock()
	r.do(func() { r.backend.keeps = true })
	r.send(nc, "publish.a.1", inbox, "x")
	r.send(nc, "history.a.1", inbox, "")
	r.eventually("both are taken", func() bool { return len(r.backend.kept) == 1 && r.bridge.requests.open == 2 })
	ended := make(chan error, 1)
	go func() { ended <- r.stop() }()
	r.eventually("it is to end", func() bool { return len(r.bridge.requests.idle) > 0 })
	receipt := r.allKept()[0]
	r.do(func() { receipt.Published(7, "", nil) })
	if m := next(t, answers); string(m.Data) != `{"receivers":7}` {
		t.Errorf("answer %s", m.Data)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r.backend.mu.Lock()
	defer r.backend.mu.Unlock()
	if r.backend.reading != 0 {
		t.Error("history is still being read")
	}
}

// TestLost ends when the server is gone.
func TestLost(t *testing.T) {
	r := newRig(t)
	r.serve()
	r.run()
	ended := make(chan error, 1)
	go func() { ended <- r.bridge.Run(t.Context()) }()
	var answered []bool
	r.do(func() { r.bridge.conn.paused = true }) // no PONG comes
	r.do(func() { r.bridge.Ping(soon, func(ok bool) { answered = append(answered, ok) }) })
	r.do(func() { r.bridge.conn.paused = false })
	r.bridge.server.Shutdown()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "the link to the NATS server was lost") {
		t.Errorf("ended with %v", err)
	}
	r.do(func() {
		r.bridge.Ping(soon, func(ok bool) { answered = append(answered, ok) })
		r.bridge.SetLimits(Limits{Payload: 1}, func(err error) { answered = append(answered, err != nil) })
	})
	if !slices.Equal(answered[1:], []bool{false, false}) {
		t.Errorf("answered %v", answered)
	}
}

// TestAwait is answered behind what was delivered.
func TestAwait(t *testing.T) {
	r := newServed(t)
	for range 100 {
		if !r.bridge.Await(soon) {
			t.Fatal("no answer")
		}
	}
	r.do(func() { r.bridge.conn.pause() })
	if r.bridge.Await(10 * time.Millisecond) {
		t.Error("answered while nothing is read")
	}
	r.do(func() { r.bridge.conn.resume() })
	if !r.bridge.Await(soon) { // its own answer, not that of the last one
		t.Error("no answer any more")
	}
}

// TestLimits change one after the other.
func TestLimits(t *testing.T) {
	r := newServed(t)
	l := testLimits()
	results := make(chan error, 10)
	r.do(func() {
		for _, payload := range []int{1000, 2000} {
			l.Payload = payload
			r.bridge.SetLimits(l, func(err error) { results <- err })
		}
		l.Subscriptions++
		r.bridge.SetLimits(l, func(err error) { results <- err })
		r.bridge.SetLimits(l, func(err error) { results <- err }) // the same again
	})
	var errs []error
	for range 4 {
		errs = append(errs, <-results)
	}
	// The last is answered at once, as it changes nothing.
	if got := errors.Join(errs[:3]...); got != nil {
		t.Errorf("got %v", errs)
	}
	if errs[3] == nil || !strings.Contains(errs[3].Error(), "limits.subscriptions: restart needed") {
		t.Errorf("got %v", errs)
	}
	if got := r.client().MaxPayload(); got != int64(2000+slack) {
		t.Errorf("the limit of a payload is %d", got)
	}
}

// TestOthersHaveTheirTurn reads a flood in parts.
func TestOthersHaveTheirTurn(t *testing.T) {
	const messages, size = 500, 4 << 10
	r := newServed(t)
	nc := r.client()
	before, most := 0, 0
	r.do(func() {
		r.bridge.conn.pause()
		r.loop.AtTurnEnd(func() {
			now := len(r.backend.published)
			before, most = now, max(most, now-before)
		})
	})
	payload := strings.Repeat("x", size)
	for range messages {
		if err := nc.Publish("publish.a.1", []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.FlushTimeout(soon); err != nil {
		t.Fatal(err)
	}
	r.do(func() { r.bridge.conn.resume() })
	r.eventually("all are published", func() bool { return len(r.backend.published) == messages })
	r.do(func() {
		if limit := 2 * maxRead / size; most > limit {
			t.Errorf("%d messages in one turn, want %d at most", most, limit)
		}
	})
}
