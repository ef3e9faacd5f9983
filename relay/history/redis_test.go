package history

// The Feed and the Writer with a real Redis, over one connection.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/relay/history/writer"
	"redis-relay/relay/loop"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// side is a small relay: it listens to the channel c, and watches others for the Feed.
type side struct {
	t      *testing.T
	loop   *loop.Loop
	main   *upstream.Connection
	feed   *Feed
	writer *writer.Writer

	// Owned by the loop.
	heard   []string
	gaps    []Gap
	watched []string
}

func newSide(t *testing.T, redis *redistest.Server) *side {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &side{t: t, loop: l}
	var payload, room atomic.Int64
	payload.Store(1 << 20)
	room.Store(64 << 20)
	opts := upstream.Options{Mode: "single", URL: redis.URL(), Name: "test", PublishTimeout: 10 * time.Second}
	s.main = upstream.NewConnection(l, opts, sinkOf{s}, s, &payload, &room, "", zap.NewNop())
	reader := upstream.NewReader(opts, zap.NewNop())
	s.feed = NewFeed(l, s.main, reader, s, PlainNames{}, &room, &payload, zap.NewNop())
	s.writer = writer.New(s.main, "", "life")
	l.AtTurnEnd(func() {
		s.main.Resume(true)
		s.main.Flush()
	})
	s.feed.Start()

	running, stop := context.WithCancel(context.Background())
	connected, disconnect := context.WithCancel(running)
	var g, up errgroup.Group
	g.Go(func() error { return l.Run(running) })
	up.Go(func() error { return s.main.Run(connected) })
	t.Cleanup(func() {
		l.Call(s.feed.Close)
		s.feed.Wait()
		reader.Close()
		disconnect()
		_ = up.Wait()
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// sink takes what comes from Redis.
func (s *side) sink(d *resp.Delivery) {
	if !s.feed.Control(d) && s.feed.Accept(d) {
		s.Deliver(d)
	}
}

func (s *side) Deliver(d *resp.Delivery) { s.heard = append(s.heard, string(d.Payload)) }

func (s *side) Names(channel string) (bool, []string) { return channel == "c", nil }
func (s *side) IsSent(string) bool                    { return false }
func (s *side) Patterns() []string                    { return nil }
func (s *side) StreamTTL(string) time.Duration        { return 0 }
func (s *side) Room(string) (int, bool)               { return window, true }
func (s *side) Missed(g Gap)                          { s.gaps = append(s.gaps, g) }

func (s *side) subscribe(channel string, done func(refused error)) {
	s.main.Subscribe(resp.Message, []string{SeqPrefix + channel, channel}, func(lost bool, refused error) {
		if !lost {
			done(refused)
		}
	})
}

func (s *side) Subscribe(channel string, done func(refused error)) {
	s.watched = append(s.watched, channel)
	s.subscribe(channel, done)
}

func (s *side) Unsubscribe(channel string) {
	s.main.Unsubscribe(resp.Message, []string{channel, SeqPrefix + channel}, func(lost bool, _ error) {
		if !lost {
			s.feed.Unsubscribed(channel)
		}
	})
}

// Connected is upstream.Owner.
func (s *side) Connected() {
	for _, channel := range s.watched {
		s.subscribe(channel, func(error) { s.feed.Subscribed(channel) })
	}
	s.subscribe("c", func(error) {
		s.feed.Subscribed("c")
		s.main.Restored()
	})
}
func (s *side) Lost(error)                   { s.feed.Lost() }
func (s *side) Up(int, upstream.Outage)      { s.feed.Up() }
func (s *side) Down(error)                   {}
func (s *side) Waiting(time.Duration, error) {}

// BusLoss is upstream.Owner.
func (s *side) BusLoss(upstream.BusGap) {}
func (s *side) Alert(int, error)        {}

// do runs f in the loop.
func (s *side) do(f func()) {
	s.t.Helper()
	if !s.loop.Call(f) {
		s.t.Fatal("the loop has ended")
	}
}

func (s *side) until(what string, cond func() bool) {
	s.t.Helper()
	redistest.Eventually(s.t, redistest.DefaultTimeout, what, func() (ok bool) {
		s.do(func() { ok = cond() })
		return ok
	})
}

// TestEachEntryOnceThroughLosses: while somebody writes, the connection is cut again and again. All is heard
// once, in order, and nothing is said to be missing.
func TestEachEntryOnceThroughLosses(t *testing.T) {
	redis := redistest.Start(t)
	s := newSide(t, redis)
	s.until("connected", func() bool { return s.feed.link.up })
	other := newSide(t, redis) // writes, over a connection of its own
	other.until("connected", func() bool { return other.feed.link.up })
	const entries = 3000
	var want []string
	var done atomic.Int64
	for i := range entries {
		text := fmt.Sprint(i)
		want = append(want, text)
		other.do(func() {
			err := other.writer.Write(0, writer.Message{Channel: []byte("c"), Payload: []byte(text), Length: 1e6},
				receipt(func(_ string, _ int64, err error) {
					done.Add(1)
					if err != nil {
						t.Error(err)
					}
				}))
			if err != nil {
				t.Error(err)
			}
		})
		switch i % 300 {
		case 150:
			s.cut(redis)
		case 299: // the others were written meanwhile
			s.until("connected again", func() bool { return s.feed.link.session > uint64(i/300)+1 && s.feed.link.up })
		}
	}
	s.until("all is heard", func() bool { return len(s.heard) >= entries })
	s.do(func() {
		if !slices.Equal(s.heard, want) {
			t.Errorf("heard %d entries, not each of %d once and in order", len(s.heard), entries)
		}
		if s.feed.healer.healed == 0 || len(s.gaps) > 0 || s.feed.link.session < 5 {
			t.Errorf("healed %d over %d connections, gaps %v", s.feed.healer.healed, s.feed.link.session, s.gaps)
		}
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "all writes are answered", func() bool { return done.Load() >= entries })
	if done.Load() != entries {
		t.Errorf("%d answers", done.Load())
	}
}

// cut ends the connection.
func (s *side) cut(redis *redistest.Server) {
	id := make(chan string, 1)
	s.do(func() { s.main.Do(func(v any, _ error) { id <- fmt.Sprint(v) }, "CLIENT", "ID") })
	redis.MustDo("CLIENT", "KILL", "ID", <-id)
}

type receipt func(id string, receivers int64, err error)

func (r receipt) Persisted(id string, receivers int64, err error) { r(id, receivers, err) }

// TestNewestIsExact: who waits behind "$" gets what was sent to Redis after it came, and nothing that was sent
// before, answered or not, of channels that are followed and of others.
func TestNewestIsExact(t *testing.T) {
	redis := redistest.Start(t)
	s := newSide(t, redis)
	s.until("connected", func() bool { return s.feed.link.up })
	for i := range 300 {
		channel := "c"
		if i%3 == 0 {
			channel = fmt.Sprint("x", i)
		}
		got := make(chan string, 1)
		write := func(text string) {
			err := s.writer.Write(0, writer.Message{Channel: []byte(channel), Payload: []byte(text), Length: 1e6},
				receipt(func(string, int64, error) {}))
			if err != nil {
				t.Error(err)
			}
		}
		s.do(func() {
			write("before")
			s.feed.Read([]Cursor{{Channel: channel, Newest: true}}, 0, 0, func(list []stream.Result, err error) {
				var payloads []string
				for _, e := range list[0].Entries {
					payload, _ := e.Payload()
					payloads = append(payloads, string(payload))
				}
				got <- strings.Join(payloads, " ")
			})
			write("after")
		})
		if text := <-got; text != "after" {
			t.Fatalf("round %d, %s: read %q", i, channel, text)
		}
	}
}

// sinkOf is upstream.Sink: the Listeners have a method of the same name.
type sinkOf struct{ *side }

func (s sinkOf) Deliver(d *resp.Delivery)           { s.sink(d) }
func (s sinkOf) TooLarge(d *resp.Delivery, _ int64) { s.sink(d) }
