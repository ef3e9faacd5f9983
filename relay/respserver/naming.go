package respserver

// Commands with very many names: they are carried out in parts, so that none holds the loop for long.

import (
	"slices"

	"redis-relay/relay/resp"
)

// part is how many names a turn deals with.
const part = 1000

// naming is a SUBSCRIBE of more names than a part has. First all are checked, so that one that is refused
// refuses the whole command; then each part is subscribed, and answered, by itself. An error of Redis
// refuses only a part. The session waits until all parts are on their way.
type naming struct {
	session *session
	kind    resp.Kind
	args    [][]byte // valid while the session waits
	next    int      // of args
	checked bool     // all are
	fresh   map[string]struct{}
	charged int
}

// nameMany is subscribe for very many names.
func nameMany(c *session, kind resp.Kind, args [][]byte) {
	n := &naming{session: c, kind: kind, args: args, fresh: map[string]struct{}{}}
	n.charged = memoryOf(args)
	c.naming = n
	c.block(waitsForNames)
	c.charge(n.charged)
	n.turn()
}

// turn deals with one part, and sees to the next.
func (n *naming) turn() {
	args := n.args[n.next:min(n.next+part, len(n.args))]
	switch n.next += len(args); {
	case n.session.ending != nil || !n.take(args):
		n.end()
	case n.next < len(n.args):
		n.session.srv.loop.Post(n.turn)
	case n.checked:
		n.end()
	default:
		n.checked, n.next, n.fresh = true, 0, nil
		n.session.srv.loop.Post(n.turn)
	}
}

func (n *naming) take(args [][]byte) bool {
	if n.checked {
		return join(n.session, n.kind, args)
	}
	return n.check(args)
}

// check looks whether the user may listen to names, and whether they are too many.
func (n *naming) check(args [][]byte) bool {
	c := n.session
	for _, name := range args {
		if !mayListen(c, n.kind, name) {
			return false
		}
		if _, has := c.subs.names[n.kind][string(name)]; !has {
			n.fresh[string(name)] = struct{}{}
		}
	}
	problem := tooMany(c, n.kind, n.args[0], len(n.fresh))
	if problem != "" {
		deny(c, n.args[0], problem)
	}
	return problem == ""
}

func (n *naming) end() {
	n.session.naming = nil
	n.session.charge(-n.charged)
	n.session.unblock(waitsForNames)
}

// mayStay tells whether the user may go on with what was checked.
func (n *naming) mayStay(may MayListen) bool {
	args := n.args
	if !n.checked {
		args = args[:n.next]
	}
	by := n.session.user()
	return !slices.ContainsFunc(args, func(name []byte) bool { return !may(by, n.kind, name) })
}

// memoryOf is about how many bytes of memory arguments take while a command is carried out in parts.
func memoryOf(args [][]byte) (bytes int) {
	const each = 64
	for _, arg := range args {
		bytes += each + len(arg)
	}
	return bytes
}
