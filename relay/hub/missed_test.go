package hub

// Which channels listeners miss messages of.

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

// TestMissedByPattern: the frames of one run may be of several channels, and are told apart.
func TestMissedByPattern(t *testing.T) {
	const odd = "b\r\n$1" // a name that looks like the protocol
	for _, latest := range []bool{false, true} {
		t.Run(fmt.Sprint("latest ", latest), func(t *testing.T) {
			h, r := newHub(t)
			missed := map[string]int{}
			h.OnMissed(func(channel []byte, n int) { missed[string(channel)] += n })
			var stuck []*member
			for range 2 {
				m := newMember(t, 64<<20)
				p := subscribe(h, m, resp.PMessage, "*")
				r.answerAll()
				p.want(t, 1, nil)
				m.fillSocket()
				stuck = append(stuck, m)
			}
			for _, m := range stuck {
				m.bounds.Queue.Store(1) // full, but for the newest of latest
			}
			var frames [][]byte
			for _, channel := range []string{"a", "a", odd, "a", "c"} {
				frames = append(frames, resp.AppendMessage(nil, resp.RESP2, "pmessage", []byte("*"), []byte(channel), []byte("m")))
			}
			for i, f := range chunk(frames...) {
				if latest {
					h.DeliverLatest(resp.PMessage, []byte("*"), f, 0, Key{Channel: []byte{byte(i)}})
				} else {
					h.Deliver(resp.PMessage, []byte("*"), f, ModeDrop)
				}
			}
			flush(t, h)
			if want := map[string]int{"a": 6, odd: 2, "c": 2}; !maps.Equal(missed, want) {
				t.Errorf("missed %v, want %v", missed, want)
			}
			if s := h.Stats(); s.Dropped != 10 {
				t.Errorf("dropped %d, want 10", s.Dropped)
			}
		})
	}
}

// TestHeardFor is how long the oldest name exists by which a channel is heard.
func TestHeardFor(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	if d := h.HeardFor([]byte("chat:1")); d != 0 {
		t.Errorf("heard for %v before anybody listens", d)
	}
	h.start = h.start.Add(-time.Hour)
	subscribe(h, m, resp.PMessage, "chat:*")
	h.start = h.start.Add(-time.Minute)
	subscribeNow(t, h, r, m, "chat:1", "other")
	h.start = h.start.Add(-time.Minute)
	for name, want := range map[string]time.Duration{"chat:1": 2 * time.Minute, "other": time.Minute, "none": 0} {
		if d := h.HeardFor([]byte(name)); d < want || d > want+patience {
			t.Errorf("%s is heard for %v, want %v", name, d, want)
		}
	}
}
