package hub

// Writing what a turn of the loop has produced.

import "slices"

// flushed is how many connections are written to in one turn: a fan-out to very many is written in
// parts, between which others are served.
const connectionsPerTurn = 256

// Flusher writes the Outboxes that have something to write, each once. It is shared by all of a loop.
type Flusher struct {
	dirty     []*Outbox
	next      int  // of dirty, to be written
	unwritten bool // something was left unwritten since Settled
}

func (f *Flusher) add(o *Outbox) {
	if !o.dirty {
		o.dirty = true
		f.dirty = append(f.dirty, o)
	}
}

// Flush writes as far as each socket takes it, and reports whether all have had their turn.
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

// Settled reports whether nothing is kept of the frames that were queued since it was called last: they
// may then be changed. What Deliver has taken is queued by FanOut.
func (f *Flusher) BuffersReusable() bool {
	settled := !f.unwritten && len(f.dirty) == 0
	f.unwritten = false
	return settled
}
