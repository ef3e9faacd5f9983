package respserver

// UNSUBSCRIBE, PUNSUBSCRIBE and SUNSUBSCRIBE, and the end of all subscriptions.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// unsubscribe replies for each name, also for one that was not subscribed. Without names it unsubscribes all of the
// kind. As in Redis, the client gets what was published before, and then the reply.
func unsubscribe(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		u := unsubscribeInParts{session: c, kind: kind, args: args[1:], all: len(args) == 1}
		if u.nextPart() {
			c.pauses.begin(waitsForParts)
			rest := u // on the heap, which most commands do without
			c.srv.loop.Post(rest.next)
		}
	}
}

// unsubscribeInParts is an UNSUBSCRIBE under way. Its names are unsubscribed in parts, and others are served in
// between.
type unsubscribeInParts struct {
	session *session
	kind    resp.Kind
	args    [][]byte // not unsubscribed yet
	all     bool     // the command has no names
}

// next unsubscribes the next part, and the parts after it in later turns.
func (u *unsubscribeInParts) next() {
	if u.nextPart() {
		u.session.srv.loop.Post(u.next)
		return
	}
	u.session.unpause(waitsForParts)
}

// nextPart unsubscribes one part, and reports whether there are more.
func (u *unsubscribeInParts) nextPart() (more bool) {
	c := u.session
	p := &pendingUnsubscribe{session: c, proto: c.proto, slot: hub.Slot{Confirms: true}}
	p.subscriptionChange = subscriptionChange{kind: u.kind, countBefore: c.subs.count(u.kind)}
	if c.ending.finished || !c.out.Reserve(&p.slot) {
		return false // the rest ends with the session
	}
	if u.all {
		p.removed = c.subs.removeSome(u.kind, namesPerTurn, c.out)
	} else {
		args := u.args[:min(namesPerTurn, len(u.args))]
		u.args = u.args[len(args):]
		p.names, p.removed = c.subs.removeArgs(u.kind, args, c.out)
	}
	p.begin()
	return len(u.args) > 0 || u.all && len(c.subs.names[u.kind]) > 0
}

// pendingUnsubscribe is an UNSUBSCRIBE, or a part of one, that is not answered yet.
type pendingUnsubscribe struct {
	subscriptionChange
	session *session
	proto   resp.Proto
	slot    hub.Slot
	charged int      // bytes of the reply, at most
	names   []string // of the command; nil: it has none, and the reply is for the names that were removed
}

func (p *pendingUnsubscribe) begin() {
	c := p.session
	for _, name := range p.names {
		p.charged += len(name) + len("*3\r\n$12\r\nunsubscribe\r\n$1\r\n\r\n:1\r\n")
	}
	c.memory.charge(p.charged)
	c.subs.beginChange(&p.subscriptionChange)
	if len(p.removed) > 0 {
		c.srv.hub.Unsubscribe(c.listener, p.kind, p.removed, p.complete)
	} else {
		c.srv.hub.FenceOf(p.kind, p.names, p.complete)
	}
}

func (p *pendingUnsubscribe) complete() {
	p.session.subs.endChange(&p.subscriptionChange)
	p.session.memory.charge(-p.charged)
	p.confirm()
}

// confirm replies for each name with the number of subscriptions after it.
func (p *pendingUnsubscribe) confirm() {
	reply, names, removed, count := newLongReply(p.session), p.names, p.removed, p.countBefore
	if names == nil {
		names = removed
	}
	if len(names) == 0 {
		reply.setLast(resp.AppendPubSub(reply.last(), p.proto, p.kind.Unsubscribe(), nil, count))
	}
	for _, name := range names {
		if len(removed) > 0 && removed[0] == name {
			removed = removed[1:]
			count--
		}
		reply.setLast(resp.AppendPubSub(reply.last(), p.proto, p.kind.Unsubscribe(), []byte(name), count))
	}
	reply.confirm(&p.slot)
}

// unsubscribeAll ends all subscriptions of a session, and its MONITOR. done is called when the client has got all that
// was published before; that may be before unsubscribeAll returns.
func unsubscribeAll(c *session, done func()) {
	stopMonitor(c)
	u := &unsubscribeAllInParts{session: c, rest: subscriptions{names: c.subs.names}, unanswered: 1, done: done}
	u.all = true
	c.subs.names = [resp.Kinds]map[string]struct{}{}
	c.subs.beginChange(&u.subscriptionChange)
	u.next()
}

// unsubscribeAllInParts is the end of all subscriptions, in parts. Others are served in between.
type unsubscribeAllInParts struct {
	subscriptionChange
	session    *session
	rest       subscriptions // the names that are not unsubscribed yet
	unanswered int           // parts that are not answered, and one more while there may be more parts
	done       func()
}

// next unsubscribes the next part, and the parts after it in later turns.
func (u *unsubscribeAllInParts) next() {
	c, room, more := u.session, namesPerTurn, false
	for kind := range resp.Kind(resp.Kinds) {
		if names := u.rest.removeSome(kind, room, c.out); len(names) > 0 {
			room -= len(names)
			u.unanswered++
			c.srv.hub.Unsubscribe(c.listener, kind, names, u.partDone)
		}
		more = more || len(u.rest.names[kind]) > 0
	}
	if more {
		c.pauses.begin(waitsForParts)
		c.srv.loop.Post(u.next)
		return
	}
	c.unpause(waitsForParts)
	u.partDone()
}

func (u *unsubscribeAllInParts) partDone() {
	if u.unanswered--; u.unanswered == 0 {
		u.session.subs.endChange(&u.subscriptionChange)
		u.done()
	}
}
