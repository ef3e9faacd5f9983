package hub

// Answers that are not known yet.

// Slot is a place in an Outbox for an answer that is not known yet. Replies that are
// appended after it wait until it is filled; messages pass by. Its zero value is of no Outbox: filling it does
// nothing.
type Slot struct {
	// Confirms says that the answer is filled in order with the messages, as that of SUBSCRIBE is: those
	// that come later go out behind it.
	Confirms bool
	// Before, if not nil, is called once: when messages come to stand behind the answer. That is when it
	// goes out, or when a later confirmation is known. It may have messages fanned out: they stand before
	// the answer. It may close the Outbox.
	Before func()

	out       *Outbox
	completed bool
	reply     []byte
	after     [][]byte
}

// Reserve keeps the next place for an answer in s, which must be new. When the queue is full it reports
// false, and gives the connection up.
func (o *Outbox) Reserve(s *Slot) bool {
	if o.closed {
		return true
	}
	if why := o.full(1); why != "" {
		o.disconnect(why)
		return false
	}
	s.out = o
	o.slots = append(o.slots, s)
	if s.Before != nil {
		o.hooks++
	}
	return true
}

// Fill puts a copy of b at the place that s keeps, and lets go what waited
// behind it. It or Give must be called once; an empty b gives the place up.
func (s *Slot) Complete(b []byte) {
	o := s.out
	if o == nil || o.closed {
		return
	}
	s.reply = o.copy(b)
	o.noteQueued(len(b))
	o.release(s)
}

// Give is Fill with slices that must not be changed any more.
func (s *Slot) CompleteOwned(list ...[]byte) {
	o := s.out
	if o == nil || o.closed {
		return
	}
	s.after = append(list, s.after...)
	o.noteQueued(size(list))
	o.release(s)
}

// complete lets go what is answered, in order.
func (o *Outbox) release(s *Slot) {
	if s.Confirms {
		if o.passAll(s); o.closed {
			return
		}
		o.confirmed++
	}
	s.completed = true
	n := 0
	for ; n < len(o.slots) && o.slots[n].completed; n++ {
		first := o.slots[n]
		if o.pass(first); o.closed {
			return
		}
		o.slots[n] = nil
		o.ready = join(o.ready, first.reply)
		for _, b := range first.after {
			o.ready = join(o.ready, b)
		}
		first.after = nil
		if first.Confirms {
			o.confirmed--
		}
	}
	switch rest := len(o.slots) - n; {
	case n == 0:
		return
	case rest == 0:
		o.slots = o.slots[:0]
		if cap(o.slots) > maxSpare {
			o.slots = nil
		}
	default:
		o.slots = o.slots[n:]
	}
	o.flusher.add(o)
	if len(o.slots) == 0 && len(o.ready) == 0 && len(o.batch) == 0 {
		o.trim()
	}
}

// passAll notes that messages come to stand behind a slot, and all before it.
func (o *Outbox) passAll(last *Slot) {
	for i := 0; o.hooks > 0 && !o.closed; i++ {
		s := o.slots[i]
		if o.pass(s); s == last {
			return
		}
	}
}

// pass notes that messages come to stand behind a slot.
func (o *Outbox) pass(s *Slot) {
	if s.Before != nil {
		before := s.Before
		s.Before = nil
		o.hooks--
		before()
	}
}
