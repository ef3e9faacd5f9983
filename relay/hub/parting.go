package hub

// Subscriptions that are about to end.

import (
	"slices"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// Parting is the end of subscriptions while it is under way.
type Parting struct {
	// Fixed after construction.
	kind  resp.Kind
	names []string
	done  chan struct{}
}

// Done is closed by Parted.
func (p *Parting) Done() <-chan struct{} { return p.done }

// Part says that somebody was told to leave names, and has not left yet. The caller
// goes on with Leave and ends with Parted. names is kept.
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

// Parted says that names have been left, and Redis has let go of what nobody listens
// to now.
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

// PartingFrom lists the ends under way of subscriptions that a message on channel
// reaches. A publisher waits for them, so that who left first is not counted.
func (h *Hub) PartingFrom(kind resp.Kind, channel []byte) (list []*Parting) {
	if h.partings.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list = slices.Clone(h.parting[kind][string(channel)])
	if kind != resp.Message {
		return list
	}
	for pattern, partings := range h.parting[resp.PMessage] {
		if glob.Match([]byte(pattern), channel) {
			list = append(list, partings...)
		}
	}
	return list
}
