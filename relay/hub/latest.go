package hub

// Messages of which only the newest of a key matters, for a listener that is behind.

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"
)

// latest finds the messages in Outbox.ready that a newer one takes the place of.
//
// The older message is taken out and the newer one goes to the end: what a listener
// gets are some of the messages in their order, never others.
type latest struct {
	at    map[string]int // key → place in ready
	holes int            // places in ready that were emptied
	key   []byte         // memory for looking up
}

// minHoles is how many places may be empty before ready is packed.
const minHoles = 32

// appendLatest queues the messages of a run, as frames. While the socket takes
// everything that is Append. Else they are copied, and each takes out the one of its
// key that still waits. It returns how many were taken out, and how many are not
// queued because the queue is full.
func (o *Outbox) appendLatest(r *run, frames []byte) (replaced, missed int) {
	switch {
	case o.closed:
		return 0, 0
	case o.blocked && len(o.slots) == 0:
	case o.full(len(frames)) != "":
		return 0, len(r.starts)
	default:
		o.appendMessage(frames)
		return 0, 0
	}
	l := &o.latest
	for i := range r.starts {
		frame := r.frame(frames, i)
		key := l.keyOf(r, i)
		if at, ok := l.at[string(key)]; ok {
			replaced++
			o.queued -= len(o.ready[at])
			o.ready = l.takeOut(o.ready, at)
		}
		if o.bounds.full(o.queued, len(frame), time.Time{}) != "" { // of any age: what is old is replaced
			delete(l.at, string(key))
			missed++
			continue
		}
		if l.at == nil {
			l.at = map[string]int{}
		}
		l.at[string(key)] = len(o.ready)
		o.noteQueued(len(frame))
		o.ready = append(o.ready, bytes.Clone(frame)[:len(frame):len(frame)]) // nothing may be joined to it
	}
	o.account()
	o.bounds.enforce() // nothing of r is kept, so that the Flusher need not know
	return replaced, missed
}

// keyOf returns what tells message i of a run from others on the connection. It is
// valid until it is called again.
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

// pack leaves out the empty places.
func (l *latest) pack(ready [][]byte) [][]byte {
	l.holes = 0
	return slices.DeleteFunc(ready, func(b []byte) bool { return b == nil })
}

// settle ends the time in which the messages in ready can be replaced.
func (l *latest) seal(ready [][]byte) [][]byte {
	if len(l.at) > 0 {
		l.at = nil
	}
	if l.holes > 0 {
		ready = l.pack(ready)
	}
	return ready
}
