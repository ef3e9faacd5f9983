package hub

// What is under way: subscriptions that begin, and that end.

import (
	"maps"
	"slices"

	"redis-relay/relay/resp"
)

// change is names that are about to have a listener more, or fewer.
type change struct {
	// Fixed after construction.
	kind  resp.Kind
	names []string
	done  chan struct{} // closed when it has come about, or will not
}

func newChange(kind resp.Kind, names []string) change {
	return change{kind: kind, names: names, done: make(chan struct{})}
}

func (h *Hub) begin(c *change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beginLocked(c)
}

func (h *Hub) beginLocked(c *change) {
	h.changing[c.kind][c] = struct{}{}
	h.changes.Add(1)
}

func (h *Hub) endLocked(c *change) {
	delete(h.changing[c.kind], c)
	h.changes.Add(-1)
	close(c.done)
}

// Changes lists what is under way and concerns a name of a kind: a subscription that is
// not active yet, somebody who is about to leave, or Redis, which is to let go. Who
// counts listeners waits for it. Each is closed when it has come about, or will not.
func (h *Hub) Changes(kind resp.Kind, concerned func(name string) bool) (list []<-chan struct{}) {
	if h.changes.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	all := slices.Collect(maps.Keys(h.changing[kind]))
	h.mu.Unlock()
	for _, c := range all {
		if slices.ContainsFunc(c.names, concerned) {
			list = append(list, c.done)
		}
	}
	return list
}
