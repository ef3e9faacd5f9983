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
		u := unsubscribing{session: c, kind: kind, args: args[1:], all: len(args) == 1}
		if u.some() {
			c.block(waitsForNames)
			rest := u // most commands have none
			c.srv.loop.Post(rest.next)
		}
	}
}

// unsubscribing is an UNSUBSCRIBE under way. Its names are ended in parts, between which others are served.
type unsubscribing struct {
	session *session
	kind    resp.Kind
	args    [][]byte // not ended yet
	all     bool     // the command has no names
}

// next ends the next names.
func (u *unsubscribing) next() {
	if u.some() {
		u.session.srv.loop.Post(u.next)
		return
	}
	u.session.unblock(waitsForNames)
}

// some ends some names, and tells whether there are more.
func (u *unsubscribing) some() (more bool) {
	c := u.session
	p := &parting{
		change: change{kind: u.kind, before: c.subs.count(u.kind)}, session: c, proto: c.proto,
		slot: hub.Slot{Confirms: true},
	}
	if c.done || !c.out.Reserve(&p.slot) {
		return false // the rest ends with the session
	}
	if u.all {
		p.ends = c.subs.takeSome(u.kind, part, c.out)
	} else {
		args := u.args[:min(part, len(u.args))]
		u.args = u.args[len(args):]
		p.names, p.ends = takeOff(c, u.kind, args)
	}
	p.begin()
	return len(u.args) > 0 || u.all && len(c.subs.names[u.kind]) > 0
}

// parting is an UNSUBSCRIBE, or a part of one, that is not answered yet.
type parting struct {
	change
	session *session
	proto   resp.Proto
	slot    hub.Slot
	bytes   int      // of the answer, at most, as charged
	names   []string // of the command; nil: it has none, and what it ends is answered
}

func (p *parting) begin() {
	c, names := p.session, p.ends
	for _, name := range p.names {
		p.bytes += len(name) + len("*3\r\n$12\r\nunsubscribe\r\n$1\r\n\r\n:1\r\n")
	}
	c.charge(p.bytes)
	c.subs.begin(&p.change)
	if len(names) > 0 {
		c.srv.hub.Unsubscribe(c.listener, p.kind, names, p.answered)
	} else {
		c.srv.hub.Fence(p.answered)
	}
}

func (p *parting) answered() {
	p.session.subs.end(&p.change)
	p.session.charge(-p.bytes)
	p.confirm().fill(&p.slot)
}

// confirm answers each name with the number of subscriptions after it.
func (p *parting) confirm() *answer {
	a, names, ends, count := newAnswer(p.session), p.names, p.ends, p.before
	if names == nil {
		names = ends
	}
	if len(names) == 0 {
		a.put(resp.AppendPubSub(a.last(), p.proto, p.kind.Unsubscribe(), nil, count))
	}
	for _, name := range names {
		if len(ends) > 0 && ends[0] == name {
			ends = ends[1:]
			count--
		}
		a.put(resp.AppendPubSub(a.last(), p.proto, p.kind.Unsubscribe(), []byte(name), count))
	}
	return a
}

// takeOff copies names of a kind, takes them off the session's, and lists those that were there.
func takeOff(c *session, kind resp.Kind, args [][]byte) (names, taken []string) {
	bytes := 0
	names = make([]string, len(args))
	for i, arg := range args {
		names[i] = string(arg)
		if n := c.subs.drop(kind, names[i]); n > 0 {
			bytes += n
			taken = append(taken, names[i])
		}
	}
	c.out.Keep(-bytes)
	return names, taken
}

// leaveAll ends all subscriptions that there are; left is called when the client has heard what was published
// before.
func leaveAll(c *session, left func()) {
	l := &leaving{change: change{all: true}, session: c, names: c.subs.names, waiting: 1, left: left}
	c.subs.names = [resp.Kinds]map[string]struct{}{}
	c.subs.begin(&l.change)
	l.next()
}

// leaving is the end of all subscriptions, in parts, between which others are served.
type leaving struct {
	change
	session *session
	names   [resp.Kinds]map[string]struct{} // not ended yet
	waiting int                             // parts that are not answered, and one while there may be more
	left    func()
}

// next ends the next names.
func (l *leaving) next() {
	c, room, more := l.session, part, false
	for kind := range resp.Kind(resp.Kinds) {
		if names := l.some(kind, room); len(names) > 0 {
			room -= len(names)
			l.waiting++
			c.srv.hub.Unsubscribe(c.listener, kind, names, l.answered)
		}
		more = more || len(l.names[kind]) > 0
	}
	if more {
		c.block(waitsForNames)
		c.srv.loop.Post(l.next)
		return
	}
	c.unblock(waitsForNames)
	l.answered()
}

// some takes up to n names of a kind.
func (l *leaving) some(kind resp.Kind, n int) (names []string) {
	bytes := 0
	for name := range l.names[kind] {
		if len(names) == n {
			break
		}
		delete(l.names[kind], name)
		bytes += kept(kind, len(name))
		names = append(names, name)
	}
	l.session.out.Keep(-bytes)
	return names
}

func (l *leaving) answered() {
	if l.waiting--; l.waiting == 0 {
		l.session.subs.end(&l.change)
		l.left()
	}
}
