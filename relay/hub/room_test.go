package hub

// How much more of a channel its listeners take.

import (
	"math"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

func TestRoom(t *testing.T) {
	const queue, age = 8 << 20, time.Hour
	h, r := newHub(t)
	bounds := new(Bounds)
	first := memberOn(newPeerWithin(t, syscall.SOCK_STREAM, queue, bounds))
	second := memberOn(newPeerWithin(t, syscall.SOCK_STREAM, queue, bounds))
	want := func(bytes int, empty bool, patience time.Duration) {
		t.Helper()
		if got, none := h.Room([]byte("a:1"), patience); got != bytes || none != empty {
			t.Errorf("room for %d bytes, empty %v; want %d, %v", got, none, bytes, empty)
		}
	}
	want(math.MaxInt, true, age) // nobody listens
	subscribeNow(t, h, r, first, "a:1", "other")
	want(queue/2, true, age)
	p := subscribe(h, second, resp.PMessage, "a:*")
	want(queue/2, true, age) // it is not heard yet
	r.answerAll()
	p.want(t, 1, nil)

	say(h, "other", "m", 0) // waits to be flushed
	want(queue/2-len(frame("other", "m")), false, age)
	flush(t, h)
	want(queue/2, true, age)

	second.fillSocket()
	waits := second.Queued()
	want(queue/2-waits, false, age)
	bounds.Memory.Store(4 << 20)
	want(min(queue/2-waits, (2<<20-int(bounds.Used()))/2), false, age)
	bounds.Memory.Store(0)
	eventually(t, "it has waited for more than that", func() bool {
		_, empty := h.Room([]byte("a:1"), time.Millisecond)
		return empty
	})
	want(queue/2, true, time.Millisecond) // that of the other
	second.Close()
	want(queue/2, true, age)
}
