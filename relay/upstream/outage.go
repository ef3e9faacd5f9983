package upstream

// Telling of an outage while it lasts.

import (
	"context"
	"time"
)

// outageInterval is between two reports of one outage.
const outageInterval = 10 * time.Second

// tellOutage reports, again and again, how long there has been no connection.
func (s *Subscriber) tellOutage(ctx context.Context) {
	interval := s.opts.outageInterval
	if interval == 0 {
		interval = outageInterval
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		since, cause, connected := s.away, s.cause, s.connected
		s.mu.Unlock()
		if outage := time.Since(since); !connected && cause != nil && outage >= interval/2 { // else it has just been told
			s.observer.Waiting(outage, cause)
		}
	}
}

// failed accounts for an attempt that has failed, or a connection that has ended.
func (s *Subscriber) failed(err error) {
	if s.attempts++; s.attempts == 1 && s.lives.Load() == 0 {
		s.mu.Lock()
		since := s.away
		s.mu.Unlock()
		s.observer.Waiting(time.Since(since), err) // of the first attempt: whoever starts a relay looks now
	}
	if s.attempts == s.opts.AlertAfter {
		s.observer.Alert(s.attempts, err)
	}
}
