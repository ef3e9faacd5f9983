package hub

// Writing what a turn of the loop has queued, each connection once.

import "slices"

// connectionsPerTurn is how many connections are written to in one turn: a fan-out to very many is written in
// parts, and others are served in between.
const connectionsPerTurn = 256

// Flusher writes the Outboxes that have something to write, each once. All connections of a loop share it. It
// belongs to the loop.
type Flusher struct {
	dirty     []*Outbox
	next      int  // of dirty, to be written
	unwritten bool // a flush left something unwritten since BuffersReusable was called last
}

func (f *Flusher) add(o *Outbox) {
	if !o.dirty {
		o.dirty = true
		f.dirty = append(f.dirty, o)
	}
}

// Flush writes the Outboxes, as far as each socket takes bytes now, and reports whether all have had their turn.
// If not, call it again in the next turn.
func (f *Flusher) Flush() (all bool) {
	for n := 0; f.next < len(f.dirty); n++ {
		if n == connectionsPerTurn {
			f.dirty, f.next = slices.Delete(f.dirty, 0, f.next), 0
			return false
		}
		o := f.dirty[f.next]
		f.dirty[f.next] = nil
		f.next++
		o.dirty = false
		if !o.flush() {
			f.unwritten = true
		}
	}
	f.dirty, f.next = f.dirty[:0], 0
	return true
}

// BuffersReusable reports whether nothing refers any more to the frames that were queued since the last call: then
// their memory may be changed. Call Hub.FanOut and Flush before.
func (f *Flusher) BuffersReusable() bool {
	reusable := !f.unwritten && len(f.dirty) == 0
	f.unwritten = false
	return reusable
}
