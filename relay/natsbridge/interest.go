package natsbridge

// What NATS clients listen to, and what that means for Redis.

import (
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// askAgain is how often Redis is asked for names that it has refused: of those who
// subscribe meanwhile the server tells nothing, so each of them would stay deaf until
// the last one has gone.
const askAgain = 3 * time.Second

// subscription is what at least one client has; several share it.
type subscription struct {
	subject string
	queue   string // empty: every client gets every message
	barred  bool   // not for NATS clients: they hear what it matches if others ask for it
}

// interest is a name that NATS clients want. Guarded by Bridge.changing.
type interest struct {
	subscriptions int
	joined        bool         // the hub has it; else it is not allowed, or Redis refused it
	refused       bool         // Redis did, and that was told
	pending       *hub.Pending // nil: decided
}

// parse splits what the server says of a subscription: a subject, and for a queue
// group its name and its weight, which LS- leaves out.
func parse(arg string) (key string, s subscription) {
	words := strings.Fields(arg)
	if len(words) == 1 {
		return words[0], subscription{subject: words[0]}
	}
	return words[0] + " " + words[1], subscription{subject: words[0], queue: words[1]}
}

// foreign tells whether a subject is none of the relay's business: an inbox, or one
// of NATS's own.
func foreign(subject string) bool {
	return strings.HasPrefix(subject, inboxToken+".") || strings.HasPrefix(subject, "$") ||
		strings.HasPrefix(subject, "_")
}

// subscribed notes a subscription: the first of its subject and queue, or one whose
// weight has changed.
func (b *Bridge) subscribed(arg string) {
	key, s := parse(arg)
	b.keepSubject(arg, 1)
	if foreign(s.subject) {
		return
	}
	n, err := nameOf(s.subject)
	if err != nil {
		b.log.Debug("a NATS client listens to what cannot be a channel", zap.Error(err))
		return
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	s.barred = b.mayListen(n) != nil
	if !b.note(key, s) {
		return
	}
	b.keepChannel(s.subject, 1)
	i := b.names[n]
	if i == nil {
		i = &interest{}
		b.names[n] = i
		b.joinLocked(n, i)
	}
	i.subscriptions++
}

func (b *Bridge) mayListen(n name) error { return b.backend.MayListen(n.kind, []byte(n.text)) }

// note enters a subscription into the list, and reports whether it is new there.
func (b *Bridge) note(key string, s subscription) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, has := b.subs[key]; has || b.list.Insert(s.subject, s) != nil {
		return false
	}
	b.subs[key] = s
	b.generation++
	return true
}

// unsubscribed notes that the last client with a subscription has given it up.
func (b *Bridge) unsubscribed(arg string) {
	key, s := parse(arg)
	b.keepSubject(arg, -1)
	n, err := nameOf(s.subject)
	if err != nil {
		return
	}
	b.changing.Lock()
	defer b.changing.Unlock()
	if !b.strike(key) {
		return
	}
	b.keepChannel(s.subject, -1)
	i := b.names[n]
	if i.subscriptions--; i.subscriptions == 0 {
		delete(b.names, n)
		b.leaveLocked(n, i)
	}
}

func (b *Bridge) strike(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, has := b.subs[key]
	if has {
		delete(b.subs, key)
		_ = b.list.Remove(s.subject, s) // it is there
		b.generation++
	}
	return has
}

// joinLocked has the hub ask Redis for a name, if clients may listen to it.
func (b *Bridge) joinLocked(n name, i *interest) {
	if err := b.mayListen(n); err != nil {
		b.stats.closed.Add(1)
		b.log.Debug("NATS clients listen to what they may not hear", zap.Error(err))
		return
	}
	i.joined = true
	i.pending = b.hub.Join(b.listener, n.kind, []string{n.text}, b.wake)
	b.enterLocked(n, i)
}

func (b *Bridge) leaveLocked(n name, i *interest) {
	if i.joined {
		b.hub.Leave(b.listener, n.kind, n.text)
	}
	i.joined, i.pending = false, nil
}

// enterLocked goes on with a subscription that waits for Redis.
func (b *Bridge) enterLocked(n name, i *interest) {
	switch active, err := b.hub.Enter(i.pending); {
	case err != nil:
		b.refusedLocked(n, i, err)
	case active:
		i.pending, i.refused = nil, false
	}
}

func (b *Bridge) refusedLocked(n name, i *interest, err error) {
	b.leaveLocked(n, i)
	if !errors.Is(err, hub.ErrLeft) && !i.refused {
		i.refused = true
		b.backend.Refused(n.kind, n.text, err)
	}
}

// askAll asks Redis again for the names that it has refused.
func (b *Bridge) askAll() {
	b.changing.Lock()
	defer b.changing.Unlock()
	for n, i := range b.names {
		if i.refused && !i.joined {
			b.joinLocked(n, i)
		}
	}
}

// enterAll goes on with the subscriptions that Redis has answered.
func (b *Bridge) enterAll() {
	b.changing.Lock()
	defer b.changing.Unlock()
	for n, i := range b.names {
		if i.pending == nil {
			continue
		}
		select {
		case <-i.pending.Ready():
			b.enterLocked(n, i)
		default:
		}
	}
}

// Refused says that Redis will not subscribe a name any more, which it has had. Who
// listens is disconnected: nothing else says that it does not hear any more.
func (b *Bridge) Refused(kind resp.Kind, text string, err error) {
	n := name{kind, text}
	b.later(func() {
		if b.had(n, err) {
			b.stats.gaps.Add(uint64(b.kick(func(kind resp.Kind, text string) bool { return n == name{kind, text} })))
		}
	})
}

// had gives a name up that was in force, and reports whether it was.
func (b *Bridge) had(n name, err error) bool {
	b.changing.Lock()
	defer b.changing.Unlock()
	i := b.names[n]
	if i == nil || !i.joined || i.pending != nil {
		return false
	}
	b.refusedLocked(n, i, err)
	return true
}

// SetScopes says what may be listened to from now on. If that changes what the
// server allows, clients are disconnected, as by a reload of NATS itself: their
// libraries come back and subscribe again.
func (b *Bridge) SetScopes(scopes []Scope) {
	b.later(func() {
		if p := permissions(scopes); !samePermissions(p, b.clients.Load()) {
			b.clients.Store(p)
			b.kick(nil)
		}
		b.changing.Lock()
		defer b.changing.Unlock()
		b.sortOutLocked()
		for n, i := range b.names {
			switch allowed := b.mayListen(n) == nil; {
			case allowed && !i.joined:
				b.joinLocked(n, i)
			case !allowed && i.joined:
				b.leaveLocked(n, i)
			}
		}
	})
}

// sortOutLocked notes which subscriptions are for NATS clients by now.
func (b *Bridge) sortOutLocked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, s := range b.subs {
		n, err := nameOf(s.subject)
		if barred := err != nil || b.mayListen(n) != nil; barred != s.barred {
			_ = b.list.Remove(s.subject, s) // it is there
			s.barred = barred
			_ = b.list.Insert(s.subject, s)
			b.subs[key] = s
		}
	}
	b.generation++
}
