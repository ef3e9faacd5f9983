package hub

// Names that the relay itself keeps subscribed, and who hears a channel.

import (
	"math"
	"time"

	"redis-relay/relay/resp"
)

// Watch keeps a channel subscribed without listening to it, and reports whether
// Redis has it subscribed already; if not, Confirmed or Refused follows. It must be
// called at most once before Unwatch.
func (h *Hub) Watch(name string) (held bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topicLocked(resp.Message, name)
	t.watched = true
	return t.held
}

// Unwatch ends Watch.
func (h *Hub) Unwatch(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[resp.Message][name]; t != nil {
		t.watched = false
		if t.unused() {
			h.forgetLocked(resp.Message, name, t)
		}
	}
}

// Hearers tells who listens to a channel: whether somebody by its name, and by which
// patterns.
func (h *Hub) Hearers(channel []byte) (exact bool, patterns []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[resp.Message][string(channel)]; t != nil {
		exact = t.heard()
	}
	for name, t := range h.patterns.matching(channel) {
		if t.heard() {
			patterns = append(patterns, name)
		}
	}
	return exact, patterns
}

// Room tells how many bytes more of a channel its listeners take while the queue of each
// stays half empty, and what may wait for all, and whether nothing waits for any of
// them. Who has not taken for so long what waits does not count.
func (h *Hub) Room(channel []byte, patience time.Duration) (bytes int, empty bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fanOutLocked()
	bytes, empty = math.MaxInt, true
	var (
		bounds *Bounds
		n      int
	)
	look := func(t *topic) {
		for _, l := range t.subs {
			if l.ended {
				continue
			}
			room, none := l.out.room(patience)
			bytes, empty = min(bytes, room), empty && none
			bounds, n = l.out.bounds, n+1
		}
	}
	if t := h.topics[resp.Message][string(channel)]; t != nil {
		look(t)
	}
	for _, t := range h.patterns.matching(channel) {
		look(t)
	}
	if bounds != nil {
		bytes = min(bytes, bounds.share(n))
	}
	return bytes, empty
}

// Names lists the names of a kind that somebody listens to.
func (h *Hub) Names(kind resp.Kind) (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, t := range h.topics[kind] {
		if t.heard() {
			names = append(names, name)
		}
	}
	return names
}

// End disconnects the listeners of a name and returns how many those are.
func (h *Hub) End(kind resp.Kind, name string, why Reason) (ended int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fanOutLocked()
	t := h.topics[kind][name]
	if t == nil {
		return 0
	}
	for _, l := range t.subs {
		if !l.ended {
			ended++
		}
		l.endLocked(why)
	}
	return ended
}
