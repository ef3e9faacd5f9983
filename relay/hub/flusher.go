package hub

// Writing what a turn of the loop has queued, each connection once.

import (
	"slices"
	"time"
)

// connectionsPerTurn is how many connections are written to in one turn: a fan-out to very many is written in
// parts, and others are served in between.
const connectionsPerTurn = 256

// Flusher writes the Outboxes that have something to write, each once. All connections of a loop share it. It
// belongs to the loop.
type Flusher struct {
	// Waited, if not nil, is called with how long output had waited when a socket took the last of it, or when its
	// connection ended; and once a Flush with 0, for all connections whose sockets took everything at once. Set it
	// before the first use; it must not block.
	Waited func(wait time.Duration, times uint64)

	prompt    uint64 // connections whose sockets took everything at once, in this Flush
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
	defer f.reportPrompt()
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

// reportPrompt tells how many connections have taken everything at once.
func (f *Flusher) reportPrompt() {
	if f.prompt > 0 && f.Waited != nil {
		f.Waited(0, f.prompt)
	}
	f.prompt = 0
}

// reportWait tells how long output has waited.
func (f *Flusher) reportWait(since time.Time) {
	if f.Waited != nil {
		f.Waited(time.Since(since), 1)
	}
}

// BuffersReusable reports whether nothing refers any more to the frames that were queued since the last call: then
// their memory may be changed. Call Hub.FanOut and Flush before.
func (f *Flusher) BuffersReusable() bool {
	reusable := !f.unwritten && len(f.dirty) == 0
	f.unwritten = false
	return reusable
}
