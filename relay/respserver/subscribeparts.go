package respserver

// SUBSCRIBE with very many names, carried out in parts so that none holds the loop for long.

import "redis-relay/relay/resp"

// namesPerTurn is how many names of one command are dealt with in a turn.
const namesPerTurn = 1000

// subscribeInParts is a SUBSCRIBE of more than namesPerTurn names. First all names are checked, so that one that is
// refused refuses the whole command. Then each part is subscribed and answered by itself; an error of Redis refuses
// only a part. The session is paused until all parts are on their way.
type subscribeInParts struct {
	session *session
	kind    resp.Kind
	args    [][]byte // valid while the session is paused
	next    int      // of args
	checked bool     // all args are
	added   map[string]struct{}
	charged int // bytes
}

// subscribeMany is subscribe for more than namesPerTurn names.
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
	args := s.args[s.next:min(s.next+namesPerTurn, len(s.args))]
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

func (s *subscribeInParts) end() {
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
