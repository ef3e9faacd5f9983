package respserver

// Commands with very many names: they are carried out in parts, so that none holds the loop for long.

import (
	"slices"

	"redis-relay/relay/resp"
)

// part is how many names a turn deals with.
const namesPerTurn = 1000

// naming is a SUBSCRIBE of more names than a part has. First all are checked, so that one that is refused
// refuses the whole command; then each part is subscribed, and answered, by itself. An error of Redis
// refuses only a part. The session waits until all parts are on their way.
type subscribeInParts struct {
	session *session
	kind    resp.Kind
	args    [][]byte // valid while the session waits
	next    int      // of args
	checked bool     // all are
	added   map[string]struct{}
	charged int
}

// nameMany is subscribe for very many names.
func subscribeMany(c *session, kind resp.Kind, args [][]byte) {
	n := &subscribeInParts{session: c, kind: kind, args: args, added: map[string]struct{}{}}
	n.charged = memoryOfArguments(args)
	c.subscribingParts = n
	c.pause(waitsForParts)
	c.charge(n.charged)
	n.nextPart()
}

// turn deals with one part, and sees to the next.
func (n *subscribeInParts) nextPart() {
	args := n.args[n.next:min(n.next+namesPerTurn, len(n.args))]
	switch n.next += len(args); {
	case n.session.endReason != nil || !n.takePart(args):
		n.end()
	case n.next < len(n.args):
		n.session.srv.loop.Post(n.nextPart)
	case n.checked:
		n.end()
	default:
		n.checked, n.next, n.added = true, 0, nil
		n.session.srv.loop.Post(n.nextPart)
	}
}

func (n *subscribeInParts) takePart(args [][]byte) bool {
	if n.checked {
		return subscribePart(n.session, n.kind, args)
	}
	return n.check(args)
}

// check looks whether the user may listen to names, and whether they are too many.
func (n *subscribeInParts) check(args [][]byte) bool {
	c := n.session
	for _, name := range args {
		if !mayListen(c, n.kind, name) {
			return false
		}
		if _, has := c.subs.names[n.kind][string(name)]; !has {
			n.added[string(name)] = struct{}{}
		}
	}
	problem := tooMany(c, n.kind, n.args[0], len(n.added))
	if problem != "" {
		deny(c, n.args[0], problem)
	}
	return problem == ""
}

func (n *subscribeInParts) end() {
	n.session.subscribingParts = nil
	n.session.charge(-n.charged)
	n.session.unpause(waitsForParts)
}

// mayStay tells whether the user may go on with what was checked.
func (n *subscribeInParts) stillAllowed(may MayListen) bool {
	args := n.args
	if !n.checked {
		args = args[:n.next]
	}
	by := n.session.user()
	return !slices.ContainsFunc(args, func(name []byte) bool { return !may(by, n.kind, name) })
}

// memoryOf is about how many bytes of memory arguments take while a command is carried out in parts.
func memoryOfArguments(args [][]byte) (bytes int) {
	const each = 64
	for _, arg := range args {
		bytes += each + len(arg)
	}
	return bytes
}
