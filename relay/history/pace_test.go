package history

// Listeners that take time: what they get waits for them, in its order and once.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/stream"
)

// slowRoom is a channel that is behind 5-0, of whose listeners each takes two messages of
// 400 bytes at a time, and the messages of c that are held.
func slowRoom(t *testing.T) (r *room, say func(ms int)) {
	r = newRoom(t)
	r.takes = 1000
	r.stand(1)
	say = func(ms int) {
		r.tell("c", "", fmt.Sprintf("%d-0 p %d", ms, ms))
		r.accept(message("c", "", long(ms)))
	}
	say(5)
	r.expectLong(t, 5)
	say(20)
	r.accept(message("c", "", long(0))) // no entry
	say(21)
	r.expectLong(t)
	r.got = 0
	return r, say
}

// long is the payload of an entry.
func long(ms int) string { return fmt.Sprintf("%d%s", ms, strings.Repeat("x", 398)) }

func (r *room) expectLong(t *testing.T, ms ...int) {
	t.Helper()
	var want []string
	for _, n := range ms {
		want = append(want, fmt.Sprint("c ", n))
	}
	for i, h := range r.heard {
		r.heard[i] = strings.TrimRight(h, "x")
	}
	r.expect(t, want...)
}

// taken is when listeners have taken what they got.
func (r *room) taken() {
	r.got = 0
	r.loop.elapse(pacerInterval)
}

func longTail(ms ...int) (t tail) {
	for _, n := range ms {
		id := stream.ID{Ms: uint64(n)}
		e := stream.Entry{ID: id, Fields: [][]byte{[]byte(stream.DefaultField), []byte(long(n))}}
		t.entries = append(t.entries, measured{Entry: e})
		t.newest = id
	}
	t.first, t.added, t.length = stream.ID{Ms: 5}, int64(len(ms)), int64(len(ms))
	return t
}

func TestHealWaitsForListeners(t *testing.T) {
	r, say := slowRoom(t)
	r.compareAll(longTail(6, 7, 8, 20, 21))
	r.expectLong(t, 6, 7)
	r.loop.elapse(pacerInterval)
	if c := r.channels.byName["c"]; c.asked || c.state != behind {
		t.Error("the channel goes on, and nothing was taken")
	}
	r.taken()
	if !r.channels.byName["c"].asked {
		t.Error("the channel does not go on")
	}
	r.compareAll(longTail(8, 20, 21)) // what was read and not taken is read again
	r.expectLong(t, 8, 20)            // and what was held follows
	r.taken()
	r.expectLong(t, 0, 21)
	say(22)
	r.expectLong(t, 22)
	if s := r.Stats(); s.Behind != 0 || s.Held != 0 || s.Healed != 3 || len(r.gaps) > 0 {
		t.Errorf("%+v and gaps %v", s, r.gaps)
	}
}

// TestHeldCopiesStayOfOneEpoch: else the copy for a pattern, handed out later, is taken for another message.
func TestHeldCopiesStayOfOneEpoch(t *testing.T) {
	r, _ := slowRoom(t)
	for _, pattern := range []string{"", "*"} {
		d := message("c", pattern, long(0))
		d.Epoch = 7
		r.accept(d)
	}
	r.epochs = nil
	r.compareAll(longTail(20, 21))
	r.taken()
	r.taken()
	if want := []uint64{0, 0, 0, 7, 7}; !slices.Equal(r.epochs, want) {
		t.Errorf("epochs %d, want %d", r.epochs, want)
	}
}

// TestLossWhileHeldMessagesWait has what was handed out not come again.
func TestLossWhileHeldMessagesWait(t *testing.T) {
	r, say := slowRoom(t)
	r.compareAll(longTail(6, 20, 21))
	r.expectLong(t, 6, 20)
	say(22) // behind what waits
	r.expectLong(t)
	r.Lost()
	r.taken()
	r.expectLong(t)
	r.Up()
	r.compareAll(longTail(21, 22, 23))
	r.expectLong(t, 21, 22)
	r.taken()
	r.compareAll(longTail(23))
	r.expectLong(t, 23)
	if s := r.Stats(); s.Behind != 0 || s.Held != 0 || len(r.gaps) != 1 || r.gaps[0].Missing != 1 {
		t.Errorf("%+v and gaps %v, want one message without history missing", s, r.gaps)
	}
}

// TestMuchHeldDoesNotWait: before something must be let go, listeners get what there is.
func TestMuchHeldDoesNotWait(t *testing.T) {
	r, say := slowRoom(t)
	r.holding.bytes += maxHeld/2 + 1 // of other channels
	r.compareAll(longTail(6, 7, 8, 9, 20, 21))
	r.expectLong(t, 6, 7, 8, 9, 20, 0, 21)
	say(22)
	r.expectLong(t, 22)
}
