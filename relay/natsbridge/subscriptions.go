package natsbridge

// What NATS clients have subscribed to, as the server tells it.

import (
	"strings"

	"github.com/nats-io/nats-server/v2/server/gsl"
)

// subscription is what at least one client has; several share it.
type subscription struct {
	subject string
	queue   string // empty: every client gets every message
	barred  bool   // not for NATS clients: they hear what it matches if others ask for it
}

// parse splits what the server says of a subscription: a subject, and for a queue
// group its name and its weight, which LS- leaves out.
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

// foreign tells whether a subject is none of the relay's business: an inbox, or one
// of NATS's own.
func foreign(subject string) bool {
	return strings.HasPrefix(subject, inboxToken+".") || strings.HasPrefix(subject, "$") ||
		strings.HasPrefix(subject, "_")
}

// subscriptions are those that are there. Everything belongs to the loop.
type subscriptions struct {
	byKey      map[string]subscription
	list       *gsl.GenericSublist[subscription]
	generation uint64 // grows with each change
}

func newSubscriptions() *subscriptions {
	return &subscriptions{byKey: map[string]subscription{}, list: gsl.NewSublist[subscription]()}
}

// insert reports whether the subscription is new.
func (l *subscriptions) insert(key string, s subscription) bool {
	if _, has := l.byKey[key]; has || l.list.Insert(s.subject, s) != nil {
		return false
	}
	l.byKey[key] = s
	l.generation++
	return true
}

// remove reports whether the subscription was there.
func (l *subscriptions) remove(key string) bool {
	s, has := l.byKey[key]
	if has {
		delete(l.byKey, key)
		_ = l.list.Remove(s.subject, s) // it is there
		l.generation++
	}
	return has
}

// bar notes which subscriptions are not for NATS clients by now.
func (l *subscriptions) bar(barred func(subject string) bool) {
	for key, s := range l.byKey {
		if is := barred(s.subject); is != s.barred {
			_ = l.list.Remove(s.subject, s) // it is there
			s.barred = is
			_ = l.list.Insert(s.subject, s)
			l.byKey[key] = s
		}
	}
	l.generation++
}
