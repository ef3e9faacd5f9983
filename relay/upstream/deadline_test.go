package upstream

// How long a command may take, and how many may wait.

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestAnswersInTime, whatever Redis does: the time for a publish, and half of it once more when the
// command had been sent.
func TestAnswersInTime(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		halt func(srv *redistest.Server)
		sent bool // the first messages may have got through to Redis
	}{
		{"killed", (*redistest.Server).Kill, false},
		{"stopped", (*redistest.Server).Stop, true},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			opts := testOptions(srv.URL())
			opts.PublishTimeout = time.Second
			c := connect(t, opts)
			c.awaitUp(1)
			c.calm() // that Redis is silent does not end the connection
			tt.halt(srv)
			const slack = 10 * time.Second // of a busy machine; else there is no answer at all
			least, most := opts.PublishTimeout-50*time.Millisecond, opts.PublishTimeout*3/2+slack
			var wg sync.WaitGroup
			for i := range 60 {
				began := time.Now()
				var a *answers
				if i%2 == 0 {
					a = c.publish(uint64(i), "a", "m")
				} else {
					a = call(c, uint64(i), "a", "m")
				}
				wg.Go(func() {
					got := <-a.c
					took := time.Since(began)
					switch {
					case errors.Is(got.err, ErrUnknown) && tt.sent && took <= most:
					case errors.Is(got.err, ErrDown) && took >= least && took <= most:
					case errors.Is(got.err, ErrUnknown) && i < 2: // met the connection before its end was seen
					default:
						t.Errorf("message %d: got %v after %v", i, got.err, took)
					}
				})
				time.Sleep(50 * time.Millisecond) // over three times the time for a publish
			}
			wg.Wait()
			if tt.sent {
				srv.Cont()
			} else {
				srv.Restart()
			}
			redistest.Eventually(t, patience/2, "it publishes again", func() bool {
				return c.publish(1, "a", "m").wait().err == nil
			})
		})
	}
}

// TestSentLateHasHalfTheTime: what has waited for a connection is not given up the moment it is sent.
func TestSentLateHasHalfTheTime(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	opts.PublishTimeout = 10 * time.Second
	c := looped(t, opts)
	a := c.publish(1, "a", "m")
	c.do(func() { // as if it had waited for long
		m := c.backlog.waiting.list.first()
		m.deadline = m.deadline.Add(-opts.PublishTimeout * 5 / 8)
		c.backlog.expiry.Stop()
		c.backlog.arm()
	})
	began := time.Now()
	c.attach(t) // a peer that answers nothing
	if got := a.wait(); !errors.Is(got.err, ErrUnknown) {
		t.Errorf("got %v, want ErrUnknown", got.err)
	}
	least, most := opts.PublishTimeout/2, opts.PublishTimeout-time.Second // the whole time would be too much
	if took := time.Since(began); took < least || took > most {
		t.Errorf("answered after %v, want %v to %v", took, least, most)
	}
}

// TestUnsentKeepsItsTime: a command that no connection takes is refused in time, however many connections there are.
func TestUnsentKeepsItsTime(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	opts.PublishTimeout = 3 * time.Second
	c := looped(t, opts)
	unsent, huge := newAnswers(t), make([]byte, 400<<10) // more than a socket takes
	began, took := time.Now(), time.Duration(0)
	c.do(func() {
		for range 20 { // one more is begun with each connection: all of them would last for much longer than the time
			if err := c.Publish(1, false, []byte("a"), huge, AnswerFunc(func(resp.Value, error) {})); err != nil {
				t.Error(err)
			}
		}
		told := AnswerFunc(func(v resp.Value, err error) {
			took = time.Since(began)
			unsent.Answer(v, err)
		})
		if err := c.Publish(1, false, []byte("a"), []byte("m"), told); err != nil {
			t.Error(err)
		}
	})
	for {
		peer, ended := c.attach(t)
		time.Sleep(opts.PublishTimeout / 4)
		_ = peer.Close()
		if err := <-ended; err == nil {
			t.Error("ended without a cause")
		}
		select {
		case a := <-unsent.c:
			const slack = 10 * time.Second // of a busy machine; who waits for a connection is begun after 15 s
			if !errors.Is(a.err, ErrDown) || took < opts.PublishTimeout-50*time.Millisecond || took > opts.PublishTimeout*3/2+slack {
				t.Errorf("got %v, %v after %v", a.value, a.err, took)
			}
			return
		default:
		}
	}
}

// TestRecovers: what waits when Redis comes back is sent; meanwhile there are more attempts than where nothing waits.
func TestRecovers(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	c, idle := connect(t, opts), connect(t, opts)
	c.awaitUp(1)
	idle.awaitUp(1)
	srv.Kill()
	c.awaitLosses(1)
	idle.awaitLosses(1)
	var list []*answers
	for i := range 100 {
		list = append(list, c.publish(uint64(i), "a", "m"))
	}
	attempts := func(c *client) (n int) {
		c.do(func() { n = c.outage.attempts })
		return n
	}
	redistest.Eventually(t, patience, "attempts behind which come long pauses if nothing waits", func() bool {
		return attempts(c) >= 7 && attempts(idle) >= 7
	})
	from, idly := attempts(c), attempts(idle)
	const more = 20
	redistest.Eventually(t, patience, "attempts", func() bool { return attempts(c) >= from+more })
	if n := attempts(idle) - idly; n > more*3/4 { // a fifth, but for the time that an attempt takes
		t.Errorf("%d attempts where something waits, %d where nothing does", more, n)
	}
	srv.Restart()
	for i, a := range list {
		if a := a.wait(); a.err != nil {
			t.Errorf("message %d: %v", i, a.err)
		}
	}
}

// TestFullSocket: nothing waits for a socket that is full; what did not fit follows when Redis reads again.
func TestFullSocket(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			srv := w.start(t)
			opts := w.opts(srv)
			c := connect(t, opts)
			c.awaitUp(1)
			c.calm()
			srv.Stop()
			began := time.Now()
			payload := strings.Repeat("x", 16<<20)
			list := []*answers{c.publish(0, "a", payload), c.publish(0, "a", "1"), c.publish(0, "a", payload)}
			c.do(func() {}) // a turn more
			if took := time.Since(began); took > patience/2 {
				t.Errorf("it took %v", took)
			}
			srv.Cont()
			for i, a := range list {
				if a := a.wait(); a.err != nil {
					t.Errorf("message %d: %v", i, a.err)
				}
			}
		})
	}
}

// TestBusy: at the limit of bytes, which may change, a publish is refused at once.
func TestBusy(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	opts.PublishTimeout = time.Minute // none is to expire meanwhile
	c := looped(t, opts)
	payload := make([]byte, 1<<20)
	taken, down := 0, 0
	count := AnswerFunc(func(_ resp.Value, err error) {
		if errors.Is(err, ErrDown) {
			down++
		}
	})
	c.do(func() {
		for _, bound := range []struct{ room, holds int64 }{{8 << 20, 8 << 20}, {4 << 20, 8 << 20}, {1 << 40, maxQueued}} {
			c.room.Store(bound.room)
			for {
				var err error
				if taken%2 == 0 {
					err = c.Publish(1, false, []byte("a"), payload, count)
				} else {
					err = c.Call(1, pushed, count, Call{Key: []byte("k"), Item: payload})
				}
				if err != nil {
					if !errors.Is(err, ErrBusy) {
						t.Errorf("got %v, want ErrBusy", err)
					}
					break
				}
				taken++
			}
			if want := int(bound.holds / (1<<20 + overhead + 1)); taken != want {
				t.Errorf("with room for %d bytes %d MiB are taken, want %d", bound.room, taken, want)
			}
		}
		if err := c.Publish(1, false, []byte("a"), []byte("small"), count); err != nil {
			t.Errorf("a small one finds no room: %v", err)
		}
		c.Connection.stop()
		if down != taken+1 {
			t.Errorf("%d of %d were told ErrDown at the end", down, taken+1)
		}
		if err := c.Publish(1, false, []byte("a"), nil, count); !errors.Is(err, ErrDown) {
			t.Errorf("after the end: got %v, want ErrDown", err)
		}
		if err := c.Call(1, pushed, count, Call{}); !errors.Is(err, ErrDown) {
			t.Errorf("after the end: got %v, want ErrDown", err)
		}
	})
}
