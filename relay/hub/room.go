package hub

// How much more the listeners of a channel can take.

import (
	"math"
	"time"

	"redis-relay/relay/resp"
)

// Room returns how many bytes more of a channel its listeners can take while the queue of each stays half empty,
// and half of Bounds.Memory stays free, and whether nothing waits for any of them. A listener that has taken
// nothing for patience does not count. With no listeners there is any room.
func (h *Hub) Room(channel []byte, patience time.Duration) (bytes int, empty bool) {
	h.FanOut()
	bytes, empty = math.MaxInt, true
	var (
		bounds *Bounds
		n      int
	)
	look := func(t *topic) {
		for _, l := range t.listeners {
			if l.stopped {
				continue
			}
			bounds, n = l.out.usage.bounds, n+1
			if l.out.closed {
				continue
			}
			room, none := l.out.usage.room(patience)
			bytes, empty = min(bytes, room), empty && none
		}
	}
	if t := h.topics[resp.Message][string(channel)]; t != nil {
		look(t)
	}
	for _, t := range h.patterns.Matching(channel) {
		look(t)
	}
	if bounds != nil {
		bytes = min(bytes, bounds.share(n))
	}
	return bytes, empty
}
