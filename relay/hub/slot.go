package hub

// Replies that are not known yet.

// Slot is a place in an Outbox for a reply that is not known yet. Replies that are appended after it wait until
// it is completed; messages overtake it. A zero Slot belongs to no Outbox: completing it does nothing. It
// belongs to the loop.
type Slot struct {
	// Confirms says that the reply is completed in order with the messages, as the reply to SUBSCRIBE is:
	// messages that come later go out after it.
	Confirms bool
	// Before, if not nil, is called once, before the first message stands behind the reply: when the reply
	// goes out, or when a later confirmation is completed. It may fan messages out, which then stand before
	// the reply, and it may close the Outbox.
	Before func()

	out       *Outbox
	completed bool
	reply     []byte
	after     [][]byte // what goes out after reply, before the next slot
}

// Complete puts a copy of b in the place that s reserves, and releases what waits behind it. Call it or
// CompleteOwned once. An empty b only gives the place up.
func (s *Slot) Complete(b []byte) {
	o := s.out
	if o == nil || o.closed {
		return
	}
	s.reply = o.output.copy(b)
	o.usage.add(len(b), len(o.output.ready) == 0)
	o.release(s)
}

// CompleteOwned is Complete for slices that must not be changed any more. It does not copy them.
func (s *Slot) CompleteOwned(list ...[]byte) {
	o := s.out
	if o == nil || o.closed {
		return
	}
	s.after = append(list, s.after...)
	o.usage.add(size(list), len(o.output.ready) == 0)
	o.release(s)
}

// Reserve reserves the next place for a reply in s, which must be new. When the queue is full it reports false
// and has the connection ended.
func (o *Outbox) Reserve(s *Slot) bool {
	if o.closed {
		return true
	}
	if why := o.usage.full(1); why != "" {
		o.disconnect(why)
		return false
	}
	s.out = o
	o.slots.add(s)
	return true
}

// release completes s, and makes ready what does not wait for another reply any more.
func (o *Outbox) release(s *Slot) {
	if s.Confirms {
		if o.slots.runBefores(s); o.closed {
			return
		}
		o.slots.confirmed++
	}
	s.completed = true
	n := 0
	for ; n < len(o.slots.list) && o.slots.list[n].completed; n++ {
		first := o.slots.list[n]
		if o.slots.runBefore(first); o.closed {
			return
		}
		o.slots.list[n] = nil
		o.output.add(first.reply)
		for _, b := range first.after {
			o.output.add(b)
		}
		first.after = nil
		if first.Confirms {
			o.slots.confirmed--
		}
	}
	if n == 0 {
		return
	}
	o.slots.remove(n)
	o.flusher.add(o)
	if len(o.slots.list) == 0 && !o.output.pending() {
		o.output.trim()
	}
}

// slots are the reply slots of one connection.
type slots struct {
	list      []*Slot // in order; what stands before the first can be written
	confirmed int     // completed slots with Confirms, which wait for slots before them
	befores   int     // slots with a Before that was not called yet
}

func (s *slots) add(slot *Slot) {
	s.list = append(s.list, slot)
	if slot.Before != nil {
		s.befores++
	}
}

// remove removes the first n slots.
func (s *slots) remove(n int) {
	if n < len(s.list) {
		s.list = s.list[n:]
		return
	}
	if s.list = s.list[:0]; cap(s.list) > maxSpare {
		s.list = nil
	}
}

// lastConfirmed returns the index of the last confirmation that is completed and waits for slots before it; -1:
// there is none. Messages go behind it: Redis sent them after what it confirms, and before the replies that are not
// known yet.
func (s *slots) lastConfirmed() (i int) {
	if s.confirmed == 0 {
		return -1
	}
	for i = len(s.list) - 1; !s.list[i].completed || !s.list[i].Confirms; i-- {
	}
	return i
}

// last returns the index of the last slot; -1: there is none.
func (s *slots) last() int { return len(s.list) - 1 }

// runBefores calls the Before of each slot up to last. It stops when one of them closes the Outbox, which has
// no slots then.
func (s *slots) runBefores(last *Slot) {
	for i := 0; s.befores > 0; i++ {
		slot := s.list[i]
		if s.runBefore(slot); slot == last {
			return
		}
	}
}

// runBefore calls the Before of one slot, unless that was done.
func (s *slots) runBefore(slot *Slot) {
	if before := slot.Before; before != nil {
		slot.Before = nil
		s.befores--
		before()
	}
}
