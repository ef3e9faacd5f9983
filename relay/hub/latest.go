package hub

// Messages of which only the newest of a key matters, for a listener that is behind.

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"
)

// Key says which messages a newer one replaces: those of its channel with the same value.
type Key struct {
	Channel []byte
	Value   []byte // nil: no value, which is a value, too
}

// minHoles is how many places must be empty before output.ready is packed.
const minHoles = 32

// latest finds the messages in output.ready that a newer one replaces.
//
// The older message is taken out and the newer one goes to the end: a listener gets some of the messages in
// their order, never others.
type latest struct {
	at    map[string]int // key → place in ready
	holes int            // places in ready that were emptied
	key   []byte         // memory for keyOf
}

// appendLatest queues the messages of a run, as frames. While the socket takes everything, this is Append.
// Otherwise each message is copied, and takes out the message of its key that still waits. It returns how many
// were taken out, and how many are not queued because the queue is full.
func (o *Outbox) appendLatest(r *run, frames []byte) (replaced, missed int) {
	switch {
	case o.closed:
		return 0, 0
	case o.usage.blocked && len(o.slots.list) == 0:
	case o.usage.full(len(frames)) != "":
		r.missedBy++
		return 0, len(r.starts)
	default:
		o.put(frames, o.slots.lastConfirmed())
		return 0, 0
	}
	for i := range r.starts {
		was, queued := o.replaceLatest(r, i, r.frame(frames, i))
		if was {
			replaced++
			r.noteMissed(i)
		}
		if !queued {
			missed++
			r.noteMissed(i)
		}
	}
	o.usage.account()
	o.usage.bounds.enforce() // nothing of r is kept, so the Flusher need not know
	return replaced, missed
}

// replaceLatest queues a copy of message i of a run, in place of the message of its key that still waits. It
// reports whether there was one, and whether the queue had room.
func (o *Outbox) replaceLatest(r *run, i int, frame []byte) (replaced, queued bool) {
	l := &o.output.latest
	key := l.keyOf(r, i)
	if at, ok := l.at[string(key)]; ok {
		replaced = true
		o.usage.queued -= len(o.output.ready[at])
		o.output.ready = l.takeOut(o.output.ready, at)
	}
	if o.usage.bounds.full(o.usage.queued, len(frame), time.Time{}) != "" { // whatever its age: old messages are replaced
		delete(l.at, string(key))
		return replaced, false
	}
	if l.at == nil {
		l.at = map[string]int{}
	}
	l.at[string(key)] = len(o.output.ready)
	o.usage.add(len(frame), len(o.output.ready) == 0)
	o.output.ready = append(o.output.ready, bytes.Clone(frame)[:len(frame):len(frame)]) // so that join adds nothing to it
	return replaced, true
}

// keyOf returns what tells message i of a run from others on the connection. It is valid until the next call.
func (l *latest) keyOf(r *run, i int) []byte {
	k := append(l.key[:0], byte(r.kind))
	k = append(binary.AppendUvarint(k, uint64(len(r.name))), r.name...)
	k = append(binary.AppendUvarint(k, uint64(len(r.keys[i].Channel))), r.keys[i].Channel...)
	if r.keys[i].Value != nil {
		k = append(append(k, '='), r.keys[i].Value...)
	}
	l.key = k
	return k
}

// takeOut empties a place, and packs ready when most of it is empty.
func (l *latest) takeOut(ready [][]byte, at int) [][]byte {
	ready[at] = nil
	if l.holes++; l.holes < minHoles || l.holes < len(ready)/2 {
		return ready
	}
	places := make([]int, len(ready))
	for i, n := 0, 0; i < len(ready); i++ {
		if places[i] = n; ready[i] != nil {
			n++
		}
	}
	for key, old := range l.at {
		l.at[key] = places[old]
	}
	return l.pack(ready)
}

// pack removes the empty places.
func (l *latest) pack(ready [][]byte) [][]byte {
	l.holes = 0
	return slices.DeleteFunc(ready, func(b []byte) bool { return b == nil })
}

// seal packs ready. None of its messages is replaced from now on.
func (l *latest) seal(ready [][]byte) [][]byte {
	if len(l.at) > 0 {
		l.at = nil
	}
	if l.holes > 0 {
		ready = l.pack(ready)
	}
	return ready
}
