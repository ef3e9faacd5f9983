package natsbridge

// From what NATS clients subscribe to, to what Redis is asked for.

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

// askAgain is how often Redis is asked for names that it has refused: of those who
// subscribe meanwhile the server tells nothing, so each of them would stay deaf until
// the last one has gone.
const askAgain = 3 * time.Second

// interest is a name that NATS clients want.
type interest struct {
	subscriptions int
	attempt       int  // grows with each subscription at the hub, and each end of one
	joined        bool // the hub has it; else it is not allowed, or Redis refused it
	pending       bool // Redis has not answered yet
	refused       bool // Redis has refused it, and that was told
}

// interests are the names that NATS clients want. Everything but count belongs to the loop.
type interests struct {
	// Fixed after construction.
	parts    Parts
	listener *hub.Listener
	subs     *subscriptions
	memory   *memory // nil: the cluster's clients are none of ours
	stats    *Counters
	again    *loop.Timer // for names that Redis has refused

	names map[resp.Name]*interest
	count atomic.Int64 // of names
}

func newInterests(parts Parts, listener *hub.Listener, subs *subscriptions, stats *Counters) *interests {
	s := &interests{parts: parts, listener: listener, subs: subs, stats: stats, names: map[resp.Name]*interest{}}
	s.again = parts.Loop.AfterFunc(askAgain, s.askAll)
	s.again.Stop()
	return s
}

// subscribed notes a subscription: the first of its subject and queue, or one whose
// weight has changed.
func (s *interests) subscribed(arg string) {
	key, sub := parse(arg)
	s.memory.keepSubject(arg, 1)
	if foreign(sub.subject) {
		return
	}
	n, err := nameOf(sub.subject)
	if err != nil {
		s.parts.Log.Debug("a NATS client listens to what cannot be a channel", zap.Error(err))
		return
	}
	sub.barred = s.mayListen(n) != nil
	if !s.subs.insert(key, sub) {
		return
	}
	s.memory.keepChannel(sub.subject, 1)
	i := s.names[n]
	if i == nil {
		i = &interest{}
		s.names[n] = i
		s.count.Add(1)
		s.join(n, i)
	}
	i.subscriptions++
}

// unsubscribed notes that the last client with a subscription has given it up.
func (s *interests) unsubscribed(arg string) {
	key, sub := parse(arg)
	s.memory.keepSubject(arg, -1)
	n, err := nameOf(sub.subject)
	if err != nil || !s.subs.remove(key) {
		return
	}
	s.memory.keepChannel(sub.subject, -1)
	i := s.names[n]
	if i.subscriptions--; i.subscriptions == 0 {
		delete(s.names, n)
		s.count.Add(-1)
		s.leave(n, i)
	}
}

func (s *interests) mayListen(n resp.Name) error {
	return s.parts.Backend.MayListen(n.Kind, []byte(n.Text))
}

// join has the hub ask Redis for a name, if clients may listen to it.
func (s *interests) join(n resp.Name, i *interest) {
	if err := s.mayListen(n); err != nil {
		s.stats.closed.Add(1)
		s.parts.Log.Debug("NATS clients listen to what they may not hear", zap.Error(err))
		return
	}
	i.attempt++
	attempt := i.attempt
	i.joined, i.pending = true, true
	s.parts.Hub.Subscribe(s.listener, n.Kind, []string{n.Text}, func(refused error) {
		switch {
		case i.attempt != attempt: // it was given up meanwhile
		case refused != nil:
			s.refuse(n, i, refused)
		default:
			i.pending, i.refused = false, false
		}
	})
}

func (s *interests) leave(n resp.Name, i *interest) {
	if i.joined {
		s.parts.Hub.Unsubscribe(s.listener, n.Kind, []string{n.Text}, func() {})
	}
	i.attempt++
	i.joined, i.pending = false, false
}

// refuse notes that the hub does not have a name, because Redis has refused it.
func (s *interests) refuse(n resp.Name, i *interest, err error) {
	i.attempt++
	i.joined, i.pending = false, false
	if !i.refused {
		i.refused = true
		s.parts.Loop.Post(func() { s.parts.Backend.Refused(n.Kind, n.Text, err) })
	}
	if !s.again.Set() {
		s.again.Reset(askAgain)
	}
}

// askAll asks Redis again for the names that it has refused.
func (s *interests) askAll() {
	for n, i := range s.names {
		if i.refused && !i.joined {
			s.join(n, i)
		}
	}
}

// lose gives a name up that Redis does not send any more, and reports whether it was in force.
func (s *interests) lose(n resp.Name, err error) bool {
	i := s.names[n]
	if i == nil || !i.joined || i.pending {
		return false
	}
	s.leave(n, i)
	s.refuse(n, i, err)
	return true
}

// sortOut follows a change of what clients may listen to.
func (s *interests) sortOut() {
	s.subs.bar(func(subject string) bool {
		n, err := nameOf(subject)
		return err != nil || s.mayListen(n) != nil
	})
	for n, i := range s.names {
		switch allowed := s.mayListen(n) == nil; {
		case allowed && !i.joined:
			s.join(n, i)
		case !allowed && i.joined:
			s.leave(n, i)
		}
	}
}

// settled tells whether Redis has answered for all names.
func (s *interests) settled() bool {
	for _, i := range s.names {
		if i.pending {
			return false
		}
	}
	return true
}

// leaveAll lets go of all names.
func (s *interests) leaveAll() {
	s.again.Stop()
	for n, i := range s.names {
		s.leave(n, i)
	}
	clear(s.names)
	s.count.Store(0)
}

// onceRefused is the work that follows when Redis refuses a name that was in force: behind what the hub
// does at that moment.
func (s *interests) onceRefused(kind resp.Kind, text string, err error, lost func(resp.Name)) {
	n := resp.Name{Kind: kind, Text: text}
	s.parts.Loop.Post(func() {
		if s.lose(n, err) {
			lost(n)
		}
	})
}
