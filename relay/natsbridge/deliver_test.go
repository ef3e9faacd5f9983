package natsbridge

import (
	"fmt"
	"hash/maphash"
	"strings"
	"testing"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// TestCopies spells what Redis sends, a letter and a digit for a copy: e for the
// channel's own, p, q and r for patterns, and which message it is; ' is behind what
// another upstream sends. | is a confirmation. What is delivered is written large.
func TestCopies(t *testing.T) {
	for _, want := range []string{
		"E1 E1 E2",
		"E1 p1 q1 E1 p1 q1",
		"P1 q1 P1 q1 P2 q2",
		"P1 q1 r1 E1 p1 q1 r1",
		"P1 P1 P1",
		"P1 Q2 p2 Q2 p2",     // in another order from now on
		"E1 p1 | P1 | Q1 p1", // the channel is let go of, then a pattern comes in front
		"P1 | Q1 p1",
		"P1 q1 P1 r1 q1 P1",
		"P1 P2' q1 q2' P1' q1'",
		"E1 E1' p1 p1' E2 p2",
	} {
		target, seed, epoch := &target{}, maphash.MakeSeed(), uint64(0)
		var got []string
		for _, copy := range strings.Fields(want) {
			if copy == "|" {
				epoch++
				got = append(got, copy)
				continue
			}
			copy = strings.ToLower(copy)
			d := &resp.Delivery{Payload: []byte(copy[1:2]), Epoch: epoch, Upstream: len(copy) - 2}
			if copy[0] != 'e' {
				d.Kind, d.Pattern = resp.PMessage, []byte(copy[:1])
			}
			if target.first(seed, d) {
				copy = strings.ToUpper(copy)
			}
			got = append(got, copy)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
}

// TestCopyOfAnEntry: when the connection ends between the copies of an entry, those that
// lack are made when it is read again.
func TestCopyOfAnEntry(t *testing.T) {
	target, seed := &target{}, maphash.MakeSeed()
	for n, want := range []bool{true, false, false, true} {
		d := &resp.Delivery{Payload: []byte("m"), ID: resp.EntryID{Ms: 5}, Epoch: uint64(n)}
		switch n {
		case 1:
			d.Kind, d.Pattern = resp.PMessage, []byte("p")
		case 3:
			d.ID.Ms = 6
		}
		if got := target.first(seed, d); got != want {
			t.Errorf("copy %d is the first: %v, want %v", n, got, want)
		}
	}
}

func message1(payload string) *resp.Delivery {
	return &resp.Delivery{Channel: []byte("a:1"), Payload: []byte(payload)}
}

// TestDeliver hands messages of one turn over together, in order.
func TestDeliver(t *testing.T) {
	const messages = 100
	r := newServed(t)
	sub := r.listen(r.client(), "a.>")
	for turn := range 3 {
		r.do(func() {
			for i := range messages {
				if !r.bridge.Deliver(message1(fmt.Sprint(turn, i))) {
					t.Errorf("message %d is delivered to nobody", i)
				}
			}
		})
	}
	for turn := range 3 {
		for i := range messages {
			if m := next(t, sub); string(m.Data) != fmt.Sprint(turn, i) || m.Subject != "a.1" {
				t.Fatalf("heard %s %q, want message %d of turn %d", m.Subject, m.Data, i, turn)
			}
		}
	}
	r.do(func() {
		if got := r.bridge.Listeners([]byte("a:1")); got != 1 {
			t.Errorf("%d listeners, want 1", got)
		}
		if r.bridge.Deliver(&resp.Delivery{Channel: []byte("b:1"), Payload: []byte("x")}) || r.bridge.HasNamedListeners([]byte("a:1")) {
			t.Error("somebody hears b:1, or listens to a:1 by its name")
		}
	})
}

// TestBehind has the server take nothing for a while: what it misses is counted and
// told when it takes something again.
func TestBehind(t *testing.T) {
	r := newServed(t)
	r.listen(r.client(), "a.>")
	b := r.bridge
	var slot hub.Slot
	r.do(func() {
		b.conn.out.Reserve(&slot) // nothing gets past this place, as if the server did not read
		b.behind.Queue.Store(1)
		for i := range 10 {
			b.Deliver(message1(fmt.Sprint(i)))
			if i%2 == 1 {
				b.Deliver(message1(strings.Repeat("x", 100)))
			}
			b.HandOver()
		}
	})
	if got := b.Stats(); got.Delivered != 1 || got.Dropped != 14 {
		t.Errorf("%d delivered, %d dropped; want 1 and 14", got.Delivered, got.Dropped)
	}
	r.do(func() {
		b.behind.Queue.Store(maxBehind)
		b.Deliver(message1("last"))
		slot.Complete(nil)
	})
	r.eventually("it is told", func() bool { return len(r.backend.missed) == 1 && r.backend.missed[0] == 14 })
}

// TestBatchesAreUsedAgain does not use one again before it is written.
func TestBatchesAreUsedAgain(t *testing.T) {
	r := newServed(t)
	sub := r.listen(r.client(), "a.>")
	var slot hub.Slot
	r.do(func() {
		r.bridge.Deliver(message1("first"))
		r.bridge.HandOver()
		r.bridge.conn.out.Reserve(&slot)
	})
	for i := range 3 {
		r.do(func() { r.bridge.Deliver(message1(fmt.Sprint(i))) })
	}
	r.do(func() { slot.Complete(nil) })
	for _, want := range []string{"first", "0", "1", "2"} {
		if m := next(t, sub); string(m.Data) != want {
			t.Errorf("heard %q, want %q", m.Data, want)
		}
	}
	r.eventually("its memory is used again", func() bool { return r.bridge.out.spare != nil })
}

// TestDeliverAllocates nothing once a channel is known.
func TestDeliverAllocates(t *testing.T) {
	r := newServed(t)
	r.listen(r.client(), "a.>")
	d, quiet := message1(strings.Repeat("x", 100)), &resp.Delivery{Channel: []byte("b:1"), Payload: []byte("x")}
	r.do(func() {
		if n := testing.AllocsPerRun(1000, func() { r.bridge.Deliver(quiet) }); n > 0 {
			t.Errorf("%v allocations for a message that nobody hears", n)
		}
		if n := testing.AllocsPerRun(1000, func() { r.bridge.Deliver(d) }); n > 0 {
			t.Errorf("%v allocations for a message", n)
		}
	})
}

func BenchmarkDeliver(b *testing.B) {
	r := newServed(b)
	r.listen(r.client(), "a.>")
	d := message1(strings.Repeat("x", 100))
	b.Run("heard", func(b *testing.B) {
		for n := 0; n < b.N; n += 100 {
			r.do(func() { // a turn
				for range 100 {
					r.bridge.Deliver(d)
				}
			})
		}
	})
	b.Run("not heard", func(b *testing.B) {
		quiet := &resp.Delivery{Channel: []byte("b:1"), Payload: d.Payload}
		r.do(func() {
			for b.Loop() {
				r.bridge.Deliver(quiet)
			}
		})
	})
}
