package respserver

// SUBSCRIBE, in its three kinds.

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// subscriptions are the names that one client has asked for, by the commands that came so far.
type subscriptions struct {
	names      [resp.Kinds]map[string]struct{}
	unanswered []*subscriptionChange // commands from the first on that is not answered yet
}

// change is a command that is not answered yet, or behind one that is not.
type subscriptionChange struct {
	kind        resp.Kind
	countBefore int64             // subscriptions of its counter, before it
	subscribe   *pendingSubscribe // nil: it ends subscriptions
	removed     []string          // to these names, in order of the command
	all         bool              // to all, of all kinds
	answered    bool              // it is answered
}

// begin notes a command that is not answered yet.
func (s *subscriptions) beginChange(ch *subscriptionChange) { s.unanswered = append(s.unanswered, ch) }

// end notes that one is answered. It stays for as long as one before it is not: without a connection,
// subscriptions end at once.
func (s *subscriptions) endChange(ch *subscriptionChange) {
	ch.answered = true
	n := 0
	for n < len(s.unanswered) && s.unanswered[n].answered {
		s.unanswered[n] = nil
		n++
	}
	if s.unanswered = s.unanswered[n:]; len(s.unanswered) == 0 {
		s.unanswered = nil
	}
}

// behind lists the commands that came after one that is not answered yet.
func (s *subscriptions) after(ch *subscriptionChange) []*subscriptionChange {
	return s.unanswered[slices.Index(s.unanswered, ch)+1:]
}

// count counts the subscriptions of one counter: channels and patterns
// share one, shard channels have their own.
func (s *subscriptions) count(kind resp.Kind) int64 {
	if kind == resp.SMessage {
		return int64(len(s.names[kind]))
	}
	return int64(len(s.names[resp.Message]) + len(s.names[resp.PMessage]))
}

// total counts all of them.
func (s *subscriptions) total() (n int) {
	for _, names := range s.names {
		n += len(names)
	}
	return n
}

// add copies the names of a command, adds them to those there are, and
// lists the ones that are new, in the order of the command.
func (s *subscriptions) add(kind resp.Kind, args [][]byte, out *hub.Outbox) (all, fresh []string) {
	if s.names[kind] == nil {
		s.names[kind] = make(map[string]struct{}, len(args))
	}
	all, fresh = make([]string, len(args)), make([]string, 0, len(args))
	bytes := 0
	for i, a := range args {
		all[i] = string(a)
		if _, has := s.names[kind][all[i]]; !has {
			s.names[kind][all[i]] = struct{}{}
			fresh = append(fresh, all[i])
			bytes += memoryOfName(kind, len(a))
		}
	}
	out.Keep(bytes)
	return all, fresh
}

// remove takes names off.
func (s *subscriptions) remove(kind resp.Kind, names []string, out *hub.Outbox) {
	bytes := 0
	for _, name := range names {
		bytes += s.removeName(kind, name)
	}
	out.Keep(-bytes)
}

// drop takes a name off, and returns the bytes that are not kept any more.
func (s *subscriptions) removeName(kind resp.Kind, name string) (bytes int) {
	if _, has := s.names[kind][name]; !has {
		return 0
	}
	if delete(s.names[kind], name); len(s.names[kind]) == 0 {
		s.names[kind] = nil // a map never shrinks
	}
	return memoryOfName(kind, len(name))
}

// takeSome takes up to n names of a kind off, and returns them.
func (s *subscriptions) removeSome(kind resp.Kind, n int, out *hub.Outbox) (names []string) {
	bytes := 0
	for name := range s.names[kind] {
		if len(names) == n {
			break
		}
		bytes += s.removeName(kind, name)
		names = append(names, name)
	}
	out.Keep(-bytes)
	return names
}

// kept is about how many bytes of memory a name takes that a client listens to: in its
// session, in the hub and on the way to Redis. A pattern is also found by the text it
// begins with.
func memoryOfName(kind resp.Kind, name int) int {
	if kind == resp.PMessage {
		return 2*name + 768
	}
	return name + 256
}

// subscribe confirms all names of a command, or refuses all of them.
func subscribe(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		args = args[1:]
		if len(args) > namesPerTurn {
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

// join subscribes to names that the user may listen to. The place of the answer is kept before the hub
// can queue a message behind it. It reports false if it did not begin.
func subscribePart(c *session, kind resp.Kind, args [][]byte) bool {
	a := &pendingSubscribe{session: c, proto: c.proto, muted: c.replies.muted}
	a.subscriptionChange = subscriptionChange{kind: kind, countBefore: c.subs.count(kind), subscribe: a}
	a.slot.Confirms = true
	a.names, a.added = c.subs.add(kind, args, c.out)
	problem := tooMany(c, kind, args[0], 0)
	if problem != "" || !c.out.Reserve(&a.slot) { // or it does not read, and is ending
		c.subs.remove(kind, a.added, c.out)
		if problem != "" {
			deny(c, args[0], problem)
		}
		return false
	}
	c.subs.beginChange(&a.subscriptionChange)
	if len(a.added) == 0 {
		c.srv.hub.Fence(func() { a.complete(nil) })
	} else {
		c.srv.hub.Subscribe(c.listener, kind, a.added, a.complete)
	}
	return true
}

// subscribing is a SUBSCRIBE, or a part of one, that is not answered yet.
type pendingSubscribe struct {
	subscriptionChange
	session *session
	slot    hub.Slot
	proto   resp.Proto
	names   []string
	added   []string // of names, those that the session did not have
	muted   bool     // the client wants to hear of no error
	refused error
}

func (a *pendingSubscribe) complete(refused error) {
	if refused != nil && a.refused == nil {
		a.refuse(refused)
	}
	a.session.subs.endChange(&a.subscriptionChange)
	switch {
	case a.refused == nil:
		a.confirm()
	case a.muted:
		a.slot.Complete(nil)
	default:
		a.slot.Complete(resp.AppendError(nil, a.refused.Error()))
	}
}

// refuse takes back what a command has added, and lists those names of it that no later command has ended.
// Later commands that counted on it are corrected: those with the same names Redis refuses, too.
func (a *pendingSubscribe) refuse(err error) (left []string) {
	c := a.session
	a.refused = err
	behind := slices.Clone(c.subs.after(&a.subscriptionChange))
	for _, name := range a.added {
		if !undoSubscribe(behind, a.kind, name, err) {
			left = append(left, name)
		}
	}
	c.subs.remove(a.kind, left, c.out)
	return left
}

// takeBack corrects commands that were carried out as if there were a subscription to a name. It reports
// whether one of them has ended that.
func undoSubscribe(behind []*subscriptionChange, kind resp.Kind, name string, err error) (ended bool) {
	for _, ch := range behind {
		if !ch.answered && (ch.kind == resp.SMessage) == (kind == resp.SMessage) { // they share a counter
			ch.countBefore--
		}
		switch a := ch.subscribe; {
		case ch.all:
			return true
		case ch.kind != kind:
		case a == nil && slices.Contains(ch.removed, name):
			ch.removed = slices.DeleteFunc(slices.Clone(ch.removed), func(end string) bool { return end == name })
			return true
		case a != nil && a.refused == nil && !ch.answered && slices.Contains(a.names, name):
			if left := a.refuse(err); len(left) > 0 {
				a.session.srv.hub.Unsubscribe(a.session.listener, kind, left, func() {})
			}
		}
	}
	return false
}

// confirm answers each name with the number of subscriptions after it.
func (a *pendingSubscribe) confirm() {
	text, fresh, count := newLongReply(a.session), a.added, a.countBefore
	for _, name := range a.names {
		if len(fresh) > 0 && name == fresh[0] {
			fresh = fresh[1:]
			count++
		}
		text.setLast(resp.AppendPubSub(text.last(), a.proto, a.kind.Subscribe(), []byte(name), count))
	}
	text.completeSlot(&a.slot)
}

// mayListen looks at the length and asks the gate, and replies if one of them says no.
func mayListen(c *session, kind resp.Kind, name []byte) bool {
	if problem := tooLong(c, kind, name); problem != "" {
		deny(c, name, problem)
		return false
	}
	err := c.srv.backend.MaySubscribe(c.user(), kind, name)
	if err != nil {
		deny(c, name, err.Error())
	}
	return err == nil
}

// deny refuses to let the client listen or read.
func deny(c *session, name []byte, why string) {
	c.srv.denied.Add(1)
	c.srv.warn("client may not listen", string(name), append(c.Identity().Fields(), zap.String("reason", why))...)
	c.replies.err(why)
}

// tooLong says which limit a name is over, or nothing.
func tooLong(c *session, kind resp.Kind, name []byte) string {
	what, key, limit := "name", "limits.name", c.srv.limits.Name.Load()
	if length := c.srv.limits.PatternLength.Load(); kind == resp.PMessage && length < limit {
		what, key, limit = "pattern", "limits.pattern_length", length
	}
	if int64(len(name)) <= limit {
		return ""
	}
	return fmt.Sprintf("DENIED %.*s: a %s of %d bytes is over %s (%d)", maxQuoted, name, what, len(name), key, limit)
}

// tooMany says what of the session's subscriptions, and of some more of a kind, is over a limit, or nothing.
func tooMany(c *session, kind resp.Kind, name []byte, more int) string {
	if n := c.subs.total() + more; int64(n) > c.srv.limits.Subscriptions.Load() {
		return fmt.Sprintf("DENIED %.*s: this would be subscription %d of this connection, over limits.subscriptions",
			maxQuoted, name, n)
	}
	if n := len(c.subs.names[resp.PMessage]) + more; kind == resp.PMessage && int64(n) > c.srv.limits.Patterns.Load() {
		return fmt.Sprintf("DENIED %.*s: this would be pattern %d of this connection, over limits.patterns",
			maxQuoted, name, n)
	}
	return ""
}
