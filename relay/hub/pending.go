package hub

// Subscriptions that are not active yet, and those whose last messages may be on their way.

import (
	"slices"

	"redis-relay/relay/resp"
)

// pendingSubscribe is a subscription to one or more names that is not active yet. It becomes active as a whole, or
// not at all.
type pendingSubscribe struct {
	listener     *Listener
	kind         resp.Kind
	names        []string
	unsubscribed map[string]bool // names that were unsubscribed since; true: that is completed
	ended        int             // of unsubscribed, those that are true
	waiting      bool            // for a connection, in Hub.waiting
	completed    bool            // it is active, or was refused
	done         func(refused error)

	learning learning // what its listener gets first

	// gate, if not nil, is called instead of making the subscription active, if it returns true: then that is done later,
	// with gate nil. It is of a subscription at several hubs, which becomes active at all of them together.
	gate func(s *pendingSubscribe) (held bool)
}

// pendingUnsubscribe is subscriptions that Redis has ended, while messages of them may still be on their way.
type pendingUnsubscribe struct {
	kind  resp.Kind
	names []string // without those that were subscribed or unsubscribed again since
}

// pending is what a listener has begun and is not completed.
type pending struct {
	subscribes   map[resp.Name]*pendingSubscribe   // not active, and not unsubscribed since; nil: none
	unsubscribes map[resp.Name]*pendingUnsubscribe // nil: none
}

func (p *pending) addSubscribe(s *pendingSubscribe) {
	if p.subscribes == nil {
		p.subscribes = map[resp.Name]*pendingSubscribe{}
	}
	for _, name := range s.names {
		p.subscribes[resp.Name{Kind: s.kind, Text: name}] = s
	}
}

// removeSubscribe completes s.
func (p *pending) removeSubscribe(s *pendingSubscribe) {
	if s.completed = true; p.subscribes == nil {
		return
	}
	for _, name := range s.names {
		if n := (resp.Name{Kind: s.kind, Text: name}); p.subscribes[n] == s {
			delete(p.subscribes, n)
		}
	}
	if len(p.subscribes) == 0 {
		p.subscribes = nil
	}
}

// cancel notes that names are unsubscribed. It returns the pending subscriptions to them.
func (p *pending) cancel(kind resp.Kind, names []string) (cancelled []*pendingSubscribe) {
	if len(p.subscribes) == 0 {
		return nil
	}
	var last *pendingSubscribe
	for _, name := range names {
		n := resp.Name{Kind: kind, Text: name}
		s := p.subscribes[n]
		if s == nil {
			continue
		}
		delete(p.subscribes, n)
		if s.unsubscribed == nil {
			s.unsubscribed = map[string]bool{}
		}
		s.unsubscribed[name] = false
		if s != last && !slices.Contains(cancelled, s) {
			cancelled = append(cancelled, s)
		}
		last = s
	}
	return cancelled
}

// addUnsubscribe notes that Redis has ended names.
func (p *pending) addUnsubscribe(kind resp.Kind, names []string) *pendingUnsubscribe {
	if p.unsubscribes == nil {
		p.unsubscribes = map[resp.Name]*pendingUnsubscribe{}
	}
	p.supersede(kind, names)
	u := &pendingUnsubscribe{kind, names}
	for _, name := range names {
		p.unsubscribes[resp.Name{Kind: kind, Text: name}] = u
	}
	return u
}

func (p *pending) removeUnsubscribe(u *pendingUnsubscribe) {
	for _, name := range u.names {
		delete(p.unsubscribes, resp.Name{Kind: u.kind, Text: name})
	}
	if len(p.unsubscribes) == 0 {
		p.unsubscribes = nil
	}
}

// supersede takes names out of the pending unsubscribes, and returns those that were in one.
func (p *pending) supersede(kind resp.Kind, names []string) (taken []string) {
	if len(p.unsubscribes) == 0 {
		return nil
	}
	for _, name := range names {
		n := resp.Name{Kind: kind, Text: name}
		if u := p.unsubscribes[n]; u != nil {
			delete(p.unsubscribes, n)
			u.names = slices.DeleteFunc(slices.Clone(u.names), func(other string) bool { return other == name })
			taken = append(taken, name)
		}
	}
	return taken
}

// waitlist is the subscriptions that wait for a connection.
type waitlist struct {
	list  []*pendingSubscribe
	stale int // of list, those that do not wait any more
}

func (w *waitlist) add(s *pendingSubscribe) {
	s.waiting = true
	w.list = append(w.list, s)
}

// remove notes that s does not wait any more.
func (w *waitlist) remove(s *pendingSubscribe) {
	s.waiting = false
	if w.stale++; w.stale > len(w.list)/2 {
		w.list = slices.DeleteFunc(w.list, func(s *pendingSubscribe) bool { return !s.waiting })
		w.stale = 0
	}
}

// takeAll empties the list and returns what it was. Those that wait have waiting set.
func (w *waitlist) takeAll() (list []*pendingSubscribe) {
	list = w.list
	*w = waitlist{}
	return list
}
