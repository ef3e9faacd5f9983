package hub

// Subscriptions that are about to end: first somebody has to leave, then Redis to let
// go of what nobody listens to any more.

import (
	"slices"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// Parting is somebody who is about to leave names, or Redis, which is to let go of
// some.
type Parting struct {
	change
	redis bool // fixed after construction

	left int // of names, to let go of; guarded by Hub.mu
}

func newParting(kind resp.Kind, names []string, redis bool) *Parting {
	return &Parting{change: newChange(kind, names), redis: redis, left: len(names)}
}

// Part says that somebody was told to leave names, and has not left yet. The caller
// goes on with Leave, and then Parted. names is kept.
func (h *Hub) Part(kind resp.Kind, names []string) *Parting {
	p := newParting(kind, names, false)
	h.begin(&p.change)
	for part := range slices.Chunk(names, lockedNames) {
		h.mu.Lock()
		h.partLocked(p, part)
		h.mu.Unlock()
	}
	return p
}

func (h *Hub) partLocked(p *Parting, names []string) {
	for _, name := range names {
		h.parting[p.kind][name] = append(h.parting[p.kind][name], p)
	}
}

// Parted says that names have been left.
func (h *Hub) Parted(p *Parting) {
	for part := range slices.Chunk(p.names, lockedNames) {
		h.mu.Lock()
		for _, name := range part {
			h.partedLocked(p, name)
		}
		h.mu.Unlock()
	}
}

func (h *Hub) partedLocked(p *Parting, name string) {
	all := h.parting[p.kind][name]
	i := slices.Index(all, p)
	if all = slices.Delete(all, i, i+1); len(all) > 0 {
		h.parting[p.kind][name] = all
	} else {
		delete(h.parting[p.kind], name)
	}
	if p.left--; p.left == 0 {
		h.endLocked(&p.change)
	}
}

// releaseLocked says that Redis is to let go of names, not very many, and returns what
// is closed when it has.
func (h *Hub) releaseLocked(kind resp.Kind, names []string) (released []<-chan struct{}) {
	names = slices.DeleteFunc(names, func(name string) bool {
		p := h.redisLocked(kind, name) // of somebody who left before
		if p != nil {
			released = append(released, p.done)
		}
		return p != nil
	})
	if len(names) == 0 {
		return released
	}
	p := newParting(kind, names, true)
	h.beginLocked(&p.change)
	h.partLocked(p, names)
	return append(released, p.done)
}

// redisLocked returns in what Redis is to let go of a name, or nil.
func (h *Hub) redisLocked(kind resp.Kind, name string) *Parting {
	all := h.parting[kind][name]
	if i := slices.IndexFunc(all, func(p *Parting) bool { return p.redis }); i >= 0 {
		return all[i]
	}
	return nil
}

// Released says that Redis has let go of a name.
func (h *Hub) Released(kind resp.Kind, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.releasedLocked(kind, name)
}

func (h *Hub) releasedLocked(kind resp.Kind, name string) {
	if p := h.redisLocked(kind, name); p != nil {
		h.partedLocked(p, name)
	}
}

// Partings lists what a publisher waits for so that nobody is counted who left before
// its message on channel came: somebody who is about to leave, or Redis, which has not
// let go of a name yet. Each is closed when that is done.
func (h *Hub) Partings(kind resp.Kind, channel []byte) (list []<-chan struct{}) {
	if h.changes.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.parting[kind][string(channel)] {
		list = append(list, p.done)
	}
	if kind != resp.Message {
		return list
	}
	for pattern, all := range h.parting[resp.PMessage] {
		if glob.Match([]byte(pattern), channel) {
			for _, p := range all {
				list = append(list, p.done)
			}
		}
	}
	return list
}
