package respserver

// SUBSCRIBE with very many names, carried out in parts so that none holds the loop for long; and SUBSCRIBE while Redis
// does not answer as fast as it is asked.

import "redis-relay/relay/resp"

// namesPerTurn is how many names of one command are dealt with in a turn.
const namesPerTurn = 1000

// subscribeInParts is a SUBSCRIBE of more than namesPerTurn names, or one that comes while Redis has not answered what
// was subscribed before. First all names are checked, so that one that is refused refuses the whole command. Then each
// part is subscribed, when there is room for it, and answered by itself; an error of Redis refuses only a part. The
// session is paused until all parts are on their way. So what waits for a slow Redis takes no more memory than the
// commands that clients have sent, and that of a client that has hung up takes none.
type subscribeInParts struct {
	session *session
	kind    resp.Kind
	args    [][]byte // valid while the session is paused
	next    int      // of args
	checked bool     // all args are
	waits   bool     // for room
	ended   bool
	added   map[string]struct{}
	charged int // bytes
}

// subscribeMany is subscribe in parts.
func subscribeMany(c *session, kind resp.Kind, args [][]byte) {
	s := &subscribeInParts{session: c, kind: kind, args: args, added: map[string]struct{}{}}
	s.charged = memoryOfArguments(args)
	c.subs.inParts = s
	c.pauses.begin(waitsForParts)
	c.memory.charge(s.charged)
	s.nextPart()
}

// nextPart checks or subscribes one part, and posts the next.
func (s *subscribeInParts) nextPart() {
	if s.waits = false; s.ended {
		return
	}
	args := s.args[s.next:min(s.next+namesPerTurn, len(s.args))]
	if s.checked && s.session.ending.reason == nil && s.awaitRoom(args) {
		return
	}
	switch s.next += len(args); {
	case s.session.ending.reason != nil || !s.takePart(args):
		s.end()
	case s.next < len(s.args):
		s.session.srv.loop.Post(s.nextPart)
	case s.checked:
		s.end()
	default:
		s.checked, s.next, s.added = true, 0, nil
		s.session.srv.loop.Post(s.nextPart)
	}
}

// awaitRoom reports whether a part must wait for room.
func (s *subscribeInParts) awaitRoom(args [][]byte) bool {
	c := s.session
	if s.waits = c.srv.hub.AwaitRoom(s.kind, args, s.nextPart); !s.waits {
		return false
	}
	switch {
	case c.ending.hungUp:
		s.end() // nobody reads the reply
	case c.input.ended:
		c.drain() // perhaps nobody does
	}
	return true
}

func (s *subscribeInParts) takePart(args [][]byte) bool {
	if s.checked {
		return subscribePart(s.session, s.kind, args)
	}
	return s.check(args)
}

// check checks whether the user may listen to names, and whether they are too many.
func (s *subscribeInParts) check(args [][]byte) bool {
	c := s.session
	for _, name := range args {
		if !mayListen(c, s.kind, name) {
			return false
		}
		if _, has := c.subs.names[s.kind][string(name)]; !has {
			s.added[string(name)] = struct{}{}
		}
	}
	problem := tooMany(c, s.kind, s.args[0], len(s.added))
	if problem != "" {
		deny(c, s.args[0], problem)
	}
	return problem == ""
}

// end lets the session go on. It may be called again.
func (s *subscribeInParts) end() {
	if s.ended {
		return
	}
	s.ended, s.args = true, nil
	s.session.subs.inParts = nil
	s.session.memory.charge(-s.charged)
	s.session.unpause(waitsForParts)
}

// checkedNames returns the names that were checked so far.
func (s *subscribeInParts) checkedNames() [][]byte {
	if s.checked {
		return s.args
	}
	return s.args[:s.next]
}

// memoryOfArguments estimates the bytes of memory that arguments take while a command is carried out in parts.
func memoryOfArguments(args [][]byte) (bytes int) {
	const each = 64
	for _, arg := range args {
		bytes += each + len(arg)
	}
	return bytes
}
