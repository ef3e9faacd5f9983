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
		u := &unsubscribing{session: c, kind: kind, args: args[1:], all: len(args) == 1}
		u.next()
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
	c := u.session
	slot := &hub.Slot{Confirms: true}
	if c.done || !c.out.Reserve(slot) {
		c.unblock(waitsForNames) // the rest ends with the session
		return
	}
	var names []string
	var answer *answer
	if u.all {
		names = c.subs.takeSome(u.kind, part, c.out)
		answer = u.confirmAll(names)
	} else {
		args := u.args[:min(part, len(u.args))]
		u.args = u.args[len(args):]
		names = takeOff(c, u.kind, args)
		answer = u.confirm(args, names)
	}
	done := func() { answer.fill(slot) }
	if len(names) > 0 {
		c.srv.hub.Unsubscribe(c.listener, u.kind, names, done)
	} else {
		c.srv.hub.InOrder(done)
	}
	if len(u.args) > 0 || u.all && len(c.subs.names[u.kind]) > 0 {
		c.block(waitsForNames)
		c.srv.loop.Post(u.next)
		return
	}
	c.unblock(waitsForNames)
}

// confirmAll answers for names of a command that has none.
func (u *unsubscribing) confirmAll(names []string) *answer {
	c := u.session
	a, count := newAnswer(c), c.subs.count(u.kind)+int64(len(names))
	if len(names) == 0 {
		a.put(resp.AppendPubSub(a.last(), c.proto, u.kind.Unsubscribe(), nil, count))
	}
	for _, name := range names {
		count--
		a.put(resp.AppendPubSub(a.last(), c.proto, u.kind.Unsubscribe(), []byte(name), count))
	}
	return a
}

// confirm answers each of args, of which names were subscribed until now.
func (u *unsubscribing) confirm(args [][]byte, names []string) *answer {
	c := u.session
	a, count := newAnswer(c), c.subs.count(u.kind)+int64(len(names))
	for _, arg := range args {
		if len(names) > 0 && names[0] == string(arg) {
			names = names[1:]
			count--
		}
		a.put(resp.AppendPubSub(a.last(), c.proto, u.kind.Unsubscribe(), arg, count))
	}
	return a
}

// takeOff takes names of a kind off the session's, and returns those that were there.
func takeOff(c *session, kind resp.Kind, args [][]byte) (names []string) {
	bytes := 0
	for _, arg := range args {
		if _, has := c.subs.names[kind][string(arg)]; has {
			name := string(arg)
			bytes += c.subs.drop(kind, name)
			names = append(names, name)
		}
	}
	c.out.Keep(-bytes)
	return names
}

// leaveAll ends all subscriptions that there are; left is called when the client has heard what was published
// before.
func leaveAll(c *session, left func()) {
	l := &leaving{session: c, names: c.subs.names, waiting: 1, left: left}
	c.subs.names = [resp.Kinds]map[string]uint32{}
	l.next()
}

// leaving is the end of all subscriptions, in parts, between which others are served.
type leaving struct {
	session *session
	names   [resp.Kinds]map[string]uint32 // not ended yet
	waiting int                           // parts that are not answered, and one while there may be more
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
		l.left()
	}
}
