package upstream

// Knowing that all that was published up to now has come.

// barrierText marks a PING that somebody waits for. Those of watch have a number.
const barrierText = "barrier"

// barriers are the PINGs that somebody waits for. Who asks before one is sent shares
// it. Guarded by Subscriber.mu.
type barriers struct {
	next []func()   // for the one to be sent
	sent [][]func() // for each that is not answered, in order
}

// Barrier calls done when all that Redis has published before is delivered, or the
// connection that would have brought it is lost and Registry knows; at once when
// there is none. done is called by the goroutine that calls Sink, or by the caller,
// and must not block.
func (s *Subscriber) Barrier(done func()) {
	s.mu.Lock()
	wait := s.connected
	if wait {
		s.barriers.next = append(s.barriers.next, done)
		signal(s.wake)
	}
	s.mu.Unlock()
	if !wait {
		done()
	}
}

// fly reports whether a PING is to be sent, which is then under way.
func (b *barriers) fly() bool {
	if len(b.next) == 0 {
		return false
	}
	b.sent = append(b.sent, b.next)
	b.next = nil
	return true
}

// landed takes the answer to the oldest PING, and returns who waits for it.
func (b *barriers) landed() (waiting []func()) {
	if len(b.sent) > 0 {
		waiting, b.sent = b.sent[0], b.sent[1:]
	}
	return waiting
}

// passBarrier tells those who wait for the PING that was answered.
func (s *Subscriber) passBarrier() {
	s.mu.Lock()
	waiting := s.barriers.landed()
	s.mu.Unlock()
	for _, done := range waiting {
		done()
	}
}

// dropBarriers tells all who wait: no answer will come.
func (s *Subscriber) dropBarriers() {
	s.mu.Lock()
	left := s.barriers
	s.barriers = barriers{}
	s.mu.Unlock()
	for _, waiting := range append(left.sent, left.next) {
		for _, done := range waiting {
			done()
		}
	}
}
