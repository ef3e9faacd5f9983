package natsbridge

// The subscriptions of NATS clients, as the server reports them.

import (
	"strings"

	"github.com/nats-io/nats-server/v2/server/gsl"
)

// subscription is a subscription of one client or more.
type subscription struct {
	subject string
	queue   string // empty: every client gets every message
	denied  bool   // NATS clients may not listen to it
}

// parse splits the arguments of LS+ and LS-: a subject, and for a queue group its name and, in LS+, its weight.
func parse(arg string) (key string, s subscription) {
	switch words := strings.Fields(arg); len(words) {
	case 0:
		return "", s
	case 1:
		return words[0], subscription{subject: words[0]}
	default:
		return words[0] + " " + words[1], subscription{subject: words[0], queue: words[1]}
	}
}

// foreign reports whether a subject does not concern the relay: an inbox, or one of NATS's own.
func foreign(subject string) bool {
	return strings.HasPrefix(subject, inboxToken+".") || strings.HasPrefix(subject, "$") ||
		strings.HasPrefix(subject, "_")
}

// subscriptions holds all subscriptions of NATS clients. It belongs to the loop.
type subscriptions struct {
	byKey      map[string]subscription
	list       *gsl.GenericSublist[subscription]
	generation uint64 // grows with each change
}

func newSubscriptions() *subscriptions {
	return &subscriptions{byKey: map[string]subscription{}, list: gsl.NewSublist[subscription]()}
}

// insert adds a subscription, and reports whether it is new.
func (l *subscriptions) insert(key string, s subscription) bool {
	if _, has := l.byKey[key]; has || l.list.Insert(s.subject, s) != nil {
		return false
	}
	l.byKey[key] = s
	l.generation++
	return true
}

// remove removes a subscription, and reports whether it was there.
func (l *subscriptions) remove(key string) bool {
	s, has := l.byKey[key]
	if has {
		delete(l.byKey, key)
		_ = l.list.Remove(s.subject, s) // it is there
		l.generation++
	}
	return has
}

// deny computes again which subscriptions NATS clients may not have.
func (l *subscriptions) deny(denied func(subject string) bool) {
	for key, s := range l.byKey {
		if is := denied(s.subject); is != s.denied {
			_ = l.list.Remove(s.subject, s) // it is there
			s.denied = is
			_ = l.list.Insert(s.subject, s)
			l.byKey[key] = s
		}
	}
	l.generation++
}
