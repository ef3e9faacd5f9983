package respserver

// UNSUBSCRIBE, in its three kinds, and the end of all subscriptions.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// unsubscribe answers each name, also one that was not subscribed; without names it ends all of the kind.
// As in Redis, what was published before is heard before the answer.
func unsubscribe(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		u := unsubscribeInParts{session: c, kind: kind, args: args[1:], all: len(args) == 1}
		if u.nextPart() {
			c.pause(waitsForParts)
			rest := u // most commands have none
			c.srv.loop.Post(rest.next)
		}
	}
}

// unsubscribing is an UNSUBSCRIBE under way. Its names are ended in parts, between which others are served.
type unsubscribeInParts struct {
	session *session
	kind    resp.Kind
	args    [][]byte // not ended yet
	all     bool     // the command has no names
}

// next ends the next names.
func (u *unsubscribeInParts) next() {
	if u.nextPart() {
		u.session.srv.loop.Post(u.next)
		return
	}
	u.session.unpause(waitsForParts)
}

// some ends some names, and tells whether there are more.
func (u *unsubscribeInParts) nextPart() (more bool) {
	c := u.session
	p := &pendingUnsubscribe{
		subscriptionChange: subscriptionChange{kind: u.kind, countBefore: c.subs.count(u.kind)}, session: c, proto: c.proto,
		slot: hub.Slot{Confirms: true},
	}
	if c.finished || !c.out.Reserve(&p.slot) {
		return false // the rest ends with the session
	}
	if u.all {
		p.removed = c.subs.removeSome(u.kind, namesPerTurn, c.out)
	} else {
		args := u.args[:min(namesPerTurn, len(u.args))]
		u.args = u.args[len(args):]
		p.names, p.removed = removeNames(c, u.kind, args)
	}
	p.begin()
	return len(u.args) > 0 || u.all && len(c.subs.names[u.kind]) > 0
}

// parting is an UNSUBSCRIBE, or a part of one, that is not answered yet.
type pendingUnsubscribe struct {
	subscriptionChange
	session *session
	proto   resp.Proto
	slot    hub.Slot
	bytes   int      // of the answer, at most, as charged
	names   []string // of the command; nil: it has none, and what it ends is answered
}

func (p *pendingUnsubscribe) begin() {
	c, names := p.session, p.removed
	for _, name := range p.names {
		p.bytes += len(name) + len("*3\r\n$12\r\nunsubscribe\r\n$1\r\n\r\n:1\r\n")
	}
	c.charge(p.bytes)
	c.subs.beginChange(&p.subscriptionChange)
	if len(names) > 0 {
		c.srv.hub.Unsubscribe(c.listener, p.kind, names, p.complete)
	} else {
		c.srv.hub.Fence(p.complete)
	}
}

func (p *pendingUnsubscribe) complete() {
	p.session.subs.endChange(&p.subscriptionChange)
	p.session.charge(-p.bytes)
	p.confirmation().completeSlot(&p.slot)
}

// confirm answers each name with the number of subscriptions after it.
func (p *pendingUnsubscribe) confirmation() *longReply {
	a, names, ends, count := newLongReply(p.session), p.names, p.removed, p.countBefore
	if names == nil {
		names = ends
	}
	if len(names) == 0 {
		a.setLast(resp.AppendPubSub(a.last(), p.proto, p.kind.Unsubscribe(), nil, count))
	}
	for _, name := range names {
		if len(ends) > 0 && ends[0] == name {
			ends = ends[1:]
			count--
		}
		a.setLast(resp.AppendPubSub(a.last(), p.proto, p.kind.Unsubscribe(), []byte(name), count))
	}
	return a
}

// takeOff copies names of a kind, takes them off the session's, and lists those that were there.
func removeNames(c *session, kind resp.Kind, args [][]byte) (names, taken []string) {
	bytes := 0
	names = make([]string, len(args))
	for i, arg := range args {
		names[i] = string(arg)
		if n := c.subs.removeName(kind, names[i]); n > 0 {
			bytes += n
			taken = append(taken, names[i])
		}
	}
	c.out.Keep(-bytes)
	return names, taken
}

// leaveAll ends all subscriptions that there are; left is called when the client has heard what was published
// before.
func unsubscribeAll(c *session, left func()) {
	l := &unsubscribeAllInParts{subscriptionChange: subscriptionChange{all: true}, session: c, names: c.subs.names, unanswered: 1, done: left}
	c.subs.names = [resp.Kinds]map[string]struct{}{}
	c.subs.beginChange(&l.subscriptionChange)
	l.next()
}

// leaving is the end of all subscriptions, in parts, between which others are served.
type unsubscribeAllInParts struct {
	subscriptionChange
	session    *session
	names      [resp.Kinds]map[string]struct{} // not ended yet
	unanswered int                             // parts that are not answered, and one while there may be more
	done       func()
}

// next ends the next names.
func (l *unsubscribeAllInParts) next() {
	c, room, more := l.session, namesPerTurn, false
	for kind := range resp.Kind(resp.Kinds) {
		if names := l.take(kind, room); len(names) > 0 {
			room -= len(names)
			l.unanswered++
			c.srv.hub.Unsubscribe(c.listener, kind, names, l.partDone)
		}
		more = more || len(l.names[kind]) > 0
	}
	if more {
		c.pause(waitsForParts)
		c.srv.loop.Post(l.next)
		return
	}
	c.unpause(waitsForParts)
	l.partDone()
}

// some takes up to n names of a kind.
func (l *unsubscribeAllInParts) take(kind resp.Kind, n int) (names []string) {
	bytes := 0
	for name := range l.names[kind] {
		if len(names) == n {
			break
		}
		delete(l.names[kind], name)
		bytes += memoryOfName(kind, len(name))
		names = append(names, name)
	}
	l.session.out.Keep(-bytes)
	return names
}

func (l *unsubscribeAllInParts) partDone() {
	if l.unanswered--; l.unanswered == 0 {
		l.session.subs.endChange(&l.subscriptionChange)
		l.done()
	}
}
