package respserver

// SUBSCRIBE while Redis does not take as fast what the relay sends it.

import "redis-relay/relay/resp"

// subscribeLater is a SUBSCRIBE that is carried out when Redis has taken most of what it was sent before. Its session
// is paused meanwhile. So what waits for a slow Redis takes no more memory than the commands that clients have sent,
// and that of a client that has hung up takes none.
type subscribeLater struct {
	session *session // nil: it has ended
	kind    resp.Kind
	names   [][]byte // valid while the session is paused
}

// awaitRoom reports whether names must wait, and pauses the session then.
func awaitRoom(c *session, kind resp.Kind, names [][]byte) bool {
	s := &subscribeLater{c, kind, names}
	mustWait := c.srv.hub.AwaitRoom(kind, names, s.goOn)
	if mustWait {
		c.subs.later = s
		c.pauses.begin(waitsForRedis)
	}
	return mustWait
}

func (s *subscribeLater) goOn() {
	c := s.session
	if c == nil {
		return
	}
	c.subs.later = nil
	c.unpause(waitsForRedis) // the session goes on in a later turn: names are valid
	subscribeNames(c, s.kind, s.names)
}

// cancel lets go of what waits: its session has ended.
func (s *subscribeLater) cancel() {
	if s != nil {
		s.session, s.names = nil, nil
	}
}
