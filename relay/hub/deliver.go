package hub

// Messages from Redis, as they come.

import "redis-relay/relay/resp"

// Mode says which listeners get a message, and what happens to those that cannot keep up.
type Mode uint8

// The modes, which can be combined. Zero: all listeners get the message, and those that cannot keep up are
// disconnected.
const (
	ModeDrop   Mode = 1 << iota // a listener that cannot keep up misses this message
	ModeOne                     // one listener gets it, each in turn
	modeLatest                  // a listener that cannot keep up gets the newest of each Key
)

// Deliver delivers a message to the listeners of a name and returns how many get it. frame is the message in
// RESP2. frame and name must not be changed before Flusher.BuffersReusable allows it. The message is in the
// listeners' queues after FanOut.
func (h *Hub) Deliver(kind resp.Kind, name, frame []byte, mode Mode) (listeners int) {
	t := h.run.topicOf(&h.registry, kind, name)
	if t == nil {
		t = h.topics[kind][string(name)]
	}
	if t == nil || len(t.listeners) == 0 {
		return 0
	}
	if !h.run.extend(t, mode, frame) {
		h.FanOut()
		h.run.begin(&h.registry, t, kind, name, mode, frame)
	}
	if mode&ModeOne != 0 {
		return 1
	}
	return len(t.listeners)
}

// DeliverLatest is Deliver for a message that replaces older ones of its key for a listener that is behind. Like
// frame, key must not be changed before Flusher.BuffersReusable allows it.
func (h *Hub) DeliverLatest(kind resp.Kind, name, frame []byte, mode Mode, key Key) (listeners int) {
	if listeners = h.Deliver(kind, name, frame, mode|modeLatest); listeners > 0 {
		h.run.keys = append(h.run.keys, key)
	}
	return listeners
}
