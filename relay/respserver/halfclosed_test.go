package respserver_test

// Clients that send nothing more while the server reads nothing of them.

import (
	"fmt"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver"
	"redis-relay/relay/stream"
)

// stopped waits until an XREAD is told to wait no longer, and ends it with what there is.
func (s *server) stopped(entries []stream.Result) {
	s.t.Helper()
	until(s.t, "an XREAD waits no longer", func() bool { return ask(s, func() bool { return len(s.backend.stopped) > 0 }) })
	s.in(func() {
		n := s.backend.stopped[0]
		done := s.backend.awaiting[n]
		s.backend.stopped = nil
		delete(s.backend.awaiting, n)
		done(entries, nil)
	})
}

// XREAD ends with the client that would wait for it. Earlier commands get their answers, later ones are not carried
// out.
func TestHalfClosedWhileXReadWaits(t *testing.T) {
	for name, end := range map[string]func(s *server, c *redistest.Client){
		"before":    func(s *server, c *redistest.Client) { closeWrite(s.t, c) },
		"meanwhile": func(s *server, c *redistest.Client) { s.awaits(1); closeWrite(s.t, c) },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.holdPublications()
			c := s.dial()
			c.SendRaw(pipeline("SUBSCRIBE s", "RESET", "PUBLISH a x", xread, "PUBLISH a y"))
			end(s, c)
			s.stopped(nil)
			if n := s.Stats().Clients; n != 1 {
				t.Errorf("%d clients, want one, which is owed an answer", n)
			}
			s.answerAll()
			if got := fmt.Sprint(c.Closed()); got != "[[subscribe s 1] +RESET :0]" {
				t.Errorf("it got %s", got)
			}
			s.waitClients(0)
			if n := len(s.published()); n != 1 {
				t.Errorf("%d messages were published, want the one before XREAD", n)
			}
		})
	}
}

// An XREAD that finds entries is answered, and the session goes on to the end.
func TestHalfClosedWhileXReadFindsEntries(t *testing.T) {
	s := serve(t)
	c := s.dial()
	c.SendRaw(pipeline(xread, "PING", xread, "PING"))
	closeWrite(t, c)
	s.stopped([]stream.Result{{Channel: "h"}})
	s.stopped(nil)
	if got := c.Closed(); len(got) != 2 || got[1].String() != "+PONG" {
		t.Errorf("it got %v", got)
	}
	s.waitClients(0)
}

// A client that sends nothing more while its session is paused gets all its answers, and the session ends.
func TestHalfClosedInAPause(t *testing.T) {
	checked := func(s *server) { s.in(func() { s.backend.check = true }) }
	for name, tt := range map[string]struct {
		hold    func(s *server)
		command string
		times   int
	}{
		"a check":       {checked, "PUBLISH a x", 3},
		"the window":    {(*server).holdPublications, "PUBLISH a x", 3 * window},
		"history reads": {(*server).holdPublications, "XRANGE h - +", 20},
		"lists":         {(*server).holdPublications, "PUBSUB CHANNELS", 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Window.Store(window) })
			tt.hold(s)
			c := s.dial()
			for range tt.times {
				c.SendRaw(pipeline(tt.command))
			}
			until(t, "it waits", func() bool { return s.waiting() > 0 })
			closeWrite(t, c)
			until(t, "it ends", func() bool { s.answerWaiting(); return s.Stats().Clients == 0 })
			if got := c.Closed(); len(got) != tt.times {
				t.Errorf("%d answers, want %d", len(got), tt.times)
			}
		})
	}
}

const window = 2

// waiting is how many questions to the backend wait.
func (s *server) waiting() int {
	return ask(s, func() int { return len(s.backend.held) + len(s.backend.ranges) + len(s.backend.listings) })
}

// answerWaiting answers what waits.
func (s *server) answerWaiting() {
	s.in(func() {
		b := s.backend
		b.answer()
		ranges, listings := b.ranges, b.listings
		b.ranges, b.listings = nil, nil
		for _, done := range ranges {
			done(nil, nil)
		}
		for _, done := range listings {
			done()
		}
	})
}
