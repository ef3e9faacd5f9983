package respserver

// Keeping the order of commands across connections, where it matters.
//
// Redis carries out commands in the order in which they arrive. Here each
// connection has its own goroutine, and the scheduler decides. Some libraries
// (channels_redis for one) send SUBSCRIBE on one connection and at once PUBLISH on
// another, and count on Redis's order. So before a session publishes, or asks who
// listens, it lets those sessions go first that have unread commands, are carrying
// some out, or have some behind a SUBSCRIBE that Redis has yet to confirm: only those
// that do not themselves publish, or wait in this way, so nobody waits for each other,
// nor in XREAD, which may be for ever.

import (
	"math"
	"runtime"
	"time"
)

// arrivalPatience bounds that wait: a session that takes longer is carrying out
// something else. A SUBSCRIBE behind another one takes as long as Redis needs to
// confirm the first.
const arrivalPatience = 250 * time.Millisecond

// begin and idle frame the time in which a session may hold commands that it has
// not carried out. turn is odd in between. Only run's goroutine calls them.
func (c *session) begin() {
	if c.busy() {
		return
	}
	if c.watched.Load() {
		c.srv.busy.Add(1)
	}
	c.turn.Add(1)
}

func (c *session) idle() {
	if !c.busy() {
		return
	}
	c.turn.Add(1)
	if c.watched.Load() {
		c.srv.busy.Add(-1)
	}
}

// lastTurn is that of a session which has ended, and listens to nothing any more.
const lastTurn = math.MaxUint64 - 1

func (c *session) busy() bool { return c.turn.Load()%2 == 1 }

// watch says whether publishers let this session go first.
func (c *session) watch(on bool) {
	if c.watched.Swap(on) == on {
		return
	}
	switch {
	case c.busy() && on:
		c.srv.busy.Add(1)
	case c.busy():
		c.srv.busy.Add(-1)
	}
	_ = c.raw.Control(func(fd uintptr) { c.srv.arrivals.set(int(fd), c.id, on) }) // closed: nothing arrives
}

// letArrivedIn returns when what arrived on other connections before this
// session's last read has been begun: a SUBSCRIBE among it is known to the hub. From
// then on the session is not watched.
func (c *session) letArrivedIn() {
	if c.heeded {
		return
	}
	c.heeded = true
	c.watch(false)
	if len(c.srv.arrivals.unread(c.arrived[:])) == 0 && c.srv.busy.Load() == 0 {
		return
	}
	c.flush()
	// Twice: who was about to become idle when something came has it unread still.
	deadline := time.Now().Add(arrivalPatience)
	for range 2 {
		for _, w := range c.srv.unfinished() {
			w.wait(deadline)
		}
	}
}

// letLeave returns when sessions that were told to end listen to nothing any more.
func (c *session) letLeave(ended []*session) {
	c.flush()
	c.idle() // none of them waits for this one
	defer c.begin()
	deadline := time.Now().Add(arrivalPatience)
	for _, s := range ended {
		unfinishedTurn{s, lastTurn}.wait(deadline)
	}
}

// unfinishedTurn is a session and the turn that ends what it has to do now.
type unfinishedTurn struct {
	session *session
	until   uint64
}

// wait makes room for the session's goroutine, and returns when it has done what
// it had to, or the time is up.
func (w unfinishedTurn) wait(deadline time.Time) {
	const politely = 100 // times, before time is spent asleep
	for n := 0; w.session.turn.Load() < w.until && time.Now().Before(deadline); n++ {
		if runtime.Gosched(); n > politely {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// unfinished lists the sessions that are carrying out commands, or have some
// unread. The turns are noted before it is asked what is unread: so nobody is
// waited for who was done by then, and who began in between is seen.
func (s *Server) unfinished() (list []unfinishedTurn) {
	s.mu.Lock()
	turns := make(map[uint64]unfinishedTurn, len(s.sessions))
	for id, c := range s.sessions {
		turns[id] = unfinishedTurn{c, c.turn.Load()}
	}
	s.mu.Unlock()
	var buf [64]uint64
	unread := map[uint64]bool{}
	for _, id := range s.arrivals.unread(buf[:]) {
		unread[id] = true
	}
	for id, t := range turns {
		switch carrying := t.until%2 == 1; {
		case carrying && t.session.watched.Load():
			list = append(list, unfinishedTurn{t.session, t.until + 1})
		case !carrying && (unread[id] || t.session.turn.Load() > t.until && t.session.watched.Load()):
			list = append(list, unfinishedTurn{t.session, t.until + 2})
		}
	}
	return list
}
