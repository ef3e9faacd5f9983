package respserver

// SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE.

import (
	"slices"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// subscribe confirms all names of a command, or refuses all of them.
func subscribe(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		args = args[1:]
		if len(args) > namesPerTurn || c.srv.hub.IsFull(kind, args) {
			subscribeMany(c, kind, args)
			return
		}
		for _, name := range args {
			if !mayListen(c, kind, name) {
				return
			}
		}
		subscribePart(c, kind, args)
	}
}

// subscribePart subscribes to names that the user may listen to. It reserves the reply slot before the hub can
// queue a message after it. It reports false, and has replied, if it did not begin.
func subscribePart(c *session, kind resp.Kind, args [][]byte) bool {
	p := &pendingSubscribe{session: c, proto: c.proto, muted: c.replies.muted}
	p.subscriptionChange = subscriptionChange{kind: kind, countBefore: c.subs.count(kind), subscribe: p}
	p.slot.Confirms = true
	p.names, p.added = c.subs.add(kind, args, c.out)
	problem := tooMany(c, kind, args[0], 0)
	if problem != "" || !c.out.Reserve(&p.slot) { // without a slot the client does not read, and is being disconnected
		c.subs.remove(kind, p.added, c.out)
		if problem != "" {
			deny(c, args[0], problem)
		}
		return false
	}
	c.subs.beginChange(&p.subscriptionChange)
	if len(p.added) == 0 {
		c.srv.hub.FenceOf(kind, p.names, func() { p.complete(nil) })
	} else {
		c.srv.hub.Subscribe(c.listener, kind, p.added, p.complete)
	}
	return true
}

// pendingSubscribe is a SUBSCRIBE, or a part of one, that is not answered yet.
type pendingSubscribe struct {
	subscriptionChange
	session *session
	slot    hub.Slot
	proto   resp.Proto
	names   []string
	added   []string // of names, those that the session was not subscribed to
	muted   bool     // the client wants no errors
	refused error
}

// complete confirms the command, or replies with the error of Redis.
func (p *pendingSubscribe) complete(refused error) {
	if refused != nil && p.refused == nil {
		p.undo(refused)
	}
	p.session.subs.endChange(&p.subscriptionChange)
	switch {
	case p.refused == nil:
		p.confirm()
	case p.muted:
		p.slot.Complete(nil)
	default:
		p.slot.Complete(resp.AppendError(nil, p.refused.Error()))
	}
}

// undo removes the names that the command has added, and returns those that no later command has removed. Later
// commands were carried out as if the client were subscribed: they are corrected. Redis refuses those that
// subscribe to the same names, too.
func (p *pendingSubscribe) undo(err error) (removed []string) {
	c := p.session
	p.refused = err
	later := slices.Clone(c.subs.after(&p.subscriptionChange))
	for _, name := range p.added {
		if !correct(later, p.kind, name, err) {
			removed = append(removed, name)
		}
	}
	c.subs.remove(p.kind, removed, c.out)
	return removed
}

// correct corrects commands that were carried out as if the client were subscribed to a name. It reports whether
// one of them has unsubscribed from it.
func correct(later []*subscriptionChange, kind resp.Kind, name string, err error) (unsubscribed bool) {
	for _, ch := range later {
		if !ch.answered && (ch.kind == resp.SMessage) == (kind == resp.SMessage) { // they are counted together
			ch.countBefore--
		}
		switch p := ch.subscribe; {
		case ch.all:
			return true
		case ch.kind != kind:
		case p == nil && slices.Contains(ch.removed, name):
			ch.removed = slices.DeleteFunc(slices.Clone(ch.removed), func(other string) bool { return other == name })
			return true
		case p != nil && p.refused == nil && !ch.answered && slices.Contains(p.names, name):
			if removed := p.undo(err); len(removed) > 0 {
				p.session.srv.hub.Unsubscribe(p.session.listener, kind, removed, func() {})
			}
		}
	}
	return false
}

// confirm replies for each name with the number of subscriptions after it.
func (p *pendingSubscribe) confirm() {
	reply, added, count := newLongReply(p.session), p.added, p.countBefore
	for _, name := range p.names {
		if len(added) > 0 && name == added[0] {
			added = added[1:]
			count++
		}
		reply.setLast(resp.AppendPubSub(reply.last(), p.proto, p.kind.Subscribe(), []byte(name), count))
	}
	reply.confirm(&p.slot)
}
