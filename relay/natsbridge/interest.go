package natsbridge

// Interest: the names to which NATS clients subscribe, and their subscriptions at the hub.

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

// retryInterval is how often Redis is asked again for names that it has refused. The server does not report further
// subscriptions to such a name; without retries their clients would get nothing until the last one unsubscribes.
const retryInterval = 3 * time.Second

// interest is a name that NATS clients want.
type interest struct {
	subscriptions int
	attempt       int  // grows each time the hub is asked to subscribe or unsubscribe
	subscribed    bool // at the hub; if not, the name is not allowed, or Redis refused it
	pending       bool // Redis has not answered yet
	refused       bool // Redis has refused it, and the backend knows
}

// interests holds the names that NATS clients want. Everything but count belongs to the loop.
type interests struct {
	// Fixed after construction.
	parts    Parts
	listener *hub.Listener
	subs     *subscriptions
	memory   *memory // nil for a cluster, whose clients take no memory here
	stats    *Counters
	retry    *loop.Timer // for names that Redis has refused

	names map[resp.Name]*interest
	count atomic.Int64 // of names
}

func newInterests(parts Parts, listener *hub.Listener, subs *subscriptions, stats *Counters) *interests {
	s := &interests{parts: parts, listener: listener, subs: subs, stats: stats, names: map[resp.Name]*interest{}}
	s.retry = parts.Loop.AfterFunc(retryInterval, s.retryRefused)
	s.retry.Stop()
	return s
}

// addSubscription adds a subscription that the server reports: the first one to its subject and queue, or one whose
// weight has changed.
func (s *interests) addSubscription(arg string) {
	key, sub := parse(arg)
	s.memory.chargeSubject(arg, 1)
	if foreign(sub.subject) {
		return
	}
	n, err := nameOf(sub.subject)
	if err != nil {
		s.parts.Log.Debug("a NATS client listens to what cannot be a channel", zap.Error(err))
		return
	}
	sub.denied = s.mayListen(n) != nil
	if !s.subs.insert(key, sub) {
		return
	}
	s.memory.chargeChannel(sub.subject, 1)
	i := s.names[n]
	if i == nil {
		i = &interest{}
		s.names[n] = i
		s.count.Add(1)
		s.subscribe(n, i)
	}
	i.subscriptions++
}

// removeSubscription removes a subscription: its last client has unsubscribed.
func (s *interests) removeSubscription(arg string) {
	key, sub := parse(arg)
	s.memory.chargeSubject(arg, -1)
	n, err := nameOf(sub.subject)
	if err != nil || !s.subs.remove(key) {
		return
	}
	s.memory.chargeChannel(sub.subject, -1)
	i := s.names[n]
	if i.subscriptions--; i.subscriptions == 0 {
		delete(s.names, n)
		s.count.Add(-1)
		s.unsubscribe(n, i)
	}
}

func (s *interests) mayListen(n resp.Name) error {
	return s.parts.Backend.MayListen(n.Kind, []byte(n.Text))
}

// subscribe subscribes a name at the hub, if clients may listen to it.
func (s *interests) subscribe(n resp.Name, i *interest) {
	if err := s.mayListen(n); err != nil {
		s.stats.closed.Add(1)
		s.parts.Log.Debug("NATS clients listen to what they may not hear", zap.Error(err))
		return
	}
	i.attempt++
	attempt := i.attempt
	i.subscribed, i.pending = true, true
	s.parts.Hub.Subscribe(s.listener, n.Kind, []string{n.Text}, func(refused error) {
		switch {
		case i.attempt != attempt: // unsubscribed meanwhile
		case refused != nil:
			s.refuse(n, i, refused)
		default:
			i.pending, i.refused = false, false
		}
	})
}

func (s *interests) unsubscribe(n resp.Name, i *interest) {
	if i.subscribed {
		s.parts.Hub.Unsubscribe(s.listener, n.Kind, []string{n.Text}, func() {})
	}
	i.attempt++
	i.subscribed, i.pending = false, false
}

// refuse marks a name as refused by Redis.
func (s *interests) refuse(n resp.Name, i *interest, err error) {
	i.attempt++
	i.subscribed, i.pending = false, false
	if !i.refused {
		i.refused = true
		s.parts.Loop.Post(func() { s.parts.Backend.Refused(n.Kind, n.Text, err) })
	}
	if !s.retry.Set() {
		s.retry.Reset(retryInterval)
	}
}

// retryRefused asks Redis again for the names that it has refused.
func (s *interests) retryRefused() {
	for n, i := range s.names {
		if i.refused && !i.subscribed {
			s.subscribe(n, i)
		}
	}
}

// revoke unsubscribes a name that Redis does not send any more, and reports whether it was in force.
func (s *interests) revoke(n resp.Name, err error) bool {
	i := s.names[n]
	if i == nil || !i.subscribed || i.pending {
		return false
	}
	s.unsubscribe(n, i)
	s.refuse(n, i, err)
	return true
}

// recheck applies a change of what clients may listen to.
func (s *interests) recheck() {
	s.subs.deny(func(subject string) bool {
		n, err := nameOf(subject)
		return err != nil || s.mayListen(n) != nil
	})
	for n, i := range s.names {
		switch allowed := s.mayListen(n) == nil; {
		case allowed && !i.subscribed:
			s.subscribe(n, i)
		case !allowed && i.subscribed:
			s.unsubscribe(n, i)
		}
	}
}

// confirmed reports whether Redis has answered for all names.
func (s *interests) confirmed() bool {
	for _, i := range s.names {
		if i.pending {
			return false
		}
	}
	return true
}

// unsubscribeAll unsubscribes all names.
func (s *interests) unsubscribeAll() {
	s.retry.Stop()
	for n, i := range s.names {
		s.unsubscribe(n, i)
	}
	clear(s.names)
	s.count.Store(0)
}

// revokeLater revokes a name that was in force and that Redis refuses now, once the hub has finished what it is
// doing. It calls lost if the name was in force.
func (s *interests) revokeLater(kind resp.Kind, text string, err error, lost func(resp.Name)) {
	n := resp.Name{Kind: kind, Text: text}
	s.parts.Loop.Post(func() {
		if s.revoke(n, err) {
			lost(n)
		}
	})
}
