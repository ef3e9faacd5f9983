package hub

// Subscriptions that are about to end.

import (
	"slices"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// Parting is somebody who is about to leave names.
type Parting struct {
	// Fixed after construction.
	kind  resp.Kind
	names []string
	done  chan struct{}
}

// Part says that somebody was told to leave names, and has not left yet. The caller
// goes on with Leave, and then Parted. names is kept.
func (h *Hub) Part(kind resp.Kind, names []string) *Parting {
	p := &Parting{kind: kind, names: names, done: make(chan struct{})}
	h.partings.Add(1)
	for part := range slices.Chunk(names, lockedNames) {
		h.mu.Lock()
		for _, name := range part {
			h.parting[kind][name] = append(h.parting[kind][name], p)
		}
		h.mu.Unlock()
	}
	return p
}

// Parted says that names have been left.
func (h *Hub) Parted(p *Parting) {
	for part := range slices.Chunk(p.names, lockedNames) {
		h.mu.Lock()
		for _, name := range part {
			left := slices.DeleteFunc(h.parting[p.kind][name], func(o *Parting) bool { return o == p })
			if h.parting[p.kind][name] = left; len(left) == 0 {
				delete(h.parting[p.kind], name)
			}
		}
		h.mu.Unlock()
	}
	h.partings.Add(-1)
	close(p.done)
}

// Partings lists what a publisher waits for so that nobody is counted who left before
// its message on channel came: somebody who is about to leave, or Redis, which has not
// let go of a name yet. Each is closed when that is done.
func (h *Hub) Partings(kind resp.Kind, channel []byte) (list []<-chan struct{}) {
	if h.partings.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list = h.partingsLocked(list, kind, string(channel))
	if kind != resp.Message {
		return list
	}
	for pattern := range h.parting[resp.PMessage] {
		if glob.Match([]byte(pattern), channel) {
			list = h.partingsLocked(list, resp.PMessage, pattern)
		}
	}
	for pattern := range h.leaving[resp.PMessage] {
		if h.parting[resp.PMessage][pattern] == nil && glob.Match([]byte(pattern), channel) {
			list = h.partingsLocked(list, resp.PMessage, pattern)
		}
	}
	return list
}

func (h *Hub) partingsLocked(list []<-chan struct{}, kind resp.Kind, name string) []<-chan struct{} {
	for _, p := range h.parting[kind][name] {
		list = append(list, p.done)
	}
	if r := h.leaving[kind][name]; r != nil {
		list = append(list, r.done)
	}
	return list
}
