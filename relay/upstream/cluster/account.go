package cluster

// The account of what comes from each node over the bus.

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// silence is how long nothing is heard of a node that should be heard every second, before that is a loss.
	silence = 5 * time.Second
	// forgotten is how long no view has a node, before it is one that has left: while nodes come or go, views differ.
	forgotten = 15 * time.Second
	// unasked stands for the age of a link that is not known yet.
	unasked = -1
)

// Gap says that messages published at one node may be missing, if they were published between two times.
type Gap struct {
	Since, Until time.Time
	Cause        string
	Prefixes     []string // of the channels; nil: all
}

// Account is what is known of each node but the one that the relay listens to, its own. All times are the relay's. The
// zero value knows no node.
type Account struct {
	own     string // ID
	members map[string]*member
	links   map[string]int64 // that the own node told last; nil: it does not tell
}

// member is one other node.
type member struct {
	addr   string
	seen   time.Time // when a view had it last
	failed bool      // the masters agree that it cannot be reached

	sent  uint64    // number of the last probe
	heard uint64    // number of the last probe that came; those before count no more
	since time.Time // when the first probe was sent that was not heard; zero: all were
	due   []uint64  // probes that the node has taken, and that have not come

	complete time.Time // all messages published there before have come, or are told to be missing
	passed   time.Time // all messages published there before have come, if the link is still the one of before
	link     int64     // when the link from it was made, as nodes count; 0: there is none
	open     bool      // messages are told to be missing, and nothing has come since
	doubt    string    // why messages are missing that are told of when the links are known; empty: none are
}

// Leave says that the relay listens to no node any more.
func (a *Account) Leave() { a.links = nil }

// Begin says that from now on the relay listens to a node with all its subscriptions. What was lost before is told by
// others, but for what is open.
func (a *Account) Begin(own string, v View, now time.Time) {
	a.own = own
	delete(a.members, own)
	for _, m := range a.members {
		m.heard, m.due, m.since, m.doubt = m.sent, nil, time.Time{}, ""
		if !m.open {
			m.complete, m.passed = now, now
		}
	}
	a.See(v, now)
	for id, m := range a.members {
		m.link = unasked
		if a.links != nil {
			m.link = a.links[id]
		}
	}
}

// Complete returns the time before which all messages published at any node have come, or were told to be missing. It
// leaves out nodes that have failed, of which more is told when they are back. It is zero if there is no other node.
func (a *Account) Complete() (t time.Time) {
	for _, m := range a.members {
		if !(m.open && m.failed) && (t.IsZero() || m.complete.Before(t)) {
			t = m.complete
		}
	}
	return t
}

// See takes a view. It returns what may be missing of nodes that have failed, or left.
func (a *Account) See(v View, now time.Time) (gaps []Gap) {
	if a.members == nil {
		a.members = map[string]*member{}
	}
	for _, n := range v {
		if n.ID == a.own {
			continue
		}
		m := a.members[n.ID]
		if m == nil {
			m = &member{complete: now, passed: now, link: unasked, open: n.Failed}
			a.members[n.ID] = m
		}
		m.addr, m.seen, m.failed = n.Addr, now, n.Failed
		if m.failed && !m.open {
			gaps = append(gaps, m.lose(now, "has failed"))
		}
	}
	for id, m := range a.members {
		if now.Sub(m.seen) <= forgotten {
			continue
		}
		if !m.open {
			gaps = append(gaps, m.lose(now, "has left the cluster"))
		}
		delete(a.members, id)
	}
	return gaps
}

// Others lists the IDs of the other nodes.
func (a *Account) Others() []string { return slices.Sorted(maps.Keys(a.members)) }

// Next returns the number of the next probe for a node, which is sent now; 0: there is no such node, or it has failed.
func (a *Account) Next(id string, now time.Time) uint64 {
	m := a.members[id]
	if m == nil || m.failed {
		return 0
	}
	m.sent++
	if m.since.IsZero() {
		m.since = now
	}
	return m.sent
}

// Taken says that a node has taken a probe. It is called before the node gets the next one.
func (a *Account) Taken(id string, number uint64) {
	if m := a.members[id]; m != nil && number > m.heard {
		m.due = append(m.due, number)
	}
}

// Heard takes a probe that has come, and when it was sent. It returns what may be missing.
func (a *Account) Heard(id string, number uint64, sent, now time.Time) (gaps []Gap) {
	m := a.members[id]
	if m == nil || number <= m.heard {
		return nil
	}
	switch {
	case m.open:
		m.doubt = "is heard again"
	case len(m.due) > 0 && m.due[0] < number:
		m.doubt = "has taken a message of the relay itself that has not come"
	}
	m.due = slices.DeleteFunc(m.due, func(n uint64) bool { return n <= number })
	m.heard, m.passed, m.since = number, sent, time.Time{}
	if a.links == nil {
		return m.settle(now)
	}
	return nil
}

// settle tells of what is in doubt, when all that can be known of it is.
func (m *member) settle(now time.Time) (gaps []Gap) {
	if m.doubt != "" {
		gaps = append(gaps, m.lose(now, m.doubt))
		m.open, m.doubt = false, ""
	}
	if !m.open {
		m.complete = later(m.complete, m.passed)
	}
	return gaps
}

// Restarted says that a node is another process than before. It returns what may be missing.
func (a *Account) Restarted(id string, now time.Time) (gaps []Gap) {
	if m := a.members[id]; m != nil && !m.open && a.links == nil {
		gaps = append(gaps, m.lose(now, "has restarted"))
	}
	return gaps
}

// Links takes when the link from each other node to the own one was made, 0 for none; nil: the own node does not tell.
// The answer must have come in order with the messages. Links returns what may be missing.
func (a *Account) Links(made map[string]int64, now time.Time) (gaps []Gap) {
	first := a.links == nil
	a.links = made
	if made == nil {
		return nil
	}
	if first {
		a.compare(made)
		return nil
	}
	for id, m := range a.members {
		before := m.link
		if before != unasked || made[id] != 0 {
			m.link = made[id]
		}
		switch {
		case m.link == before || before == unasked:
		case m.link == 0 && !m.open:
			gaps = append(gaps, m.lose(now, "has no link any more to the node that the relay listens to"))
		case m.link != 0 && !m.open:
			m.doubt = "has another link than before to the node that the relay listens to"
		}
		if m.link != 0 {
			gaps = append(gaps, m.settle(now)...)
		}
	}
	return gaps
}

// compare notes the links with which later ones are compared, where the relay listens already. It was asked for them
// before it subscribed to anything, so nothing is missing yet.
func (a *Account) compare(made map[string]int64) {
	for id, m := range a.members {
		if m.link == unasked {
			m.link = made[id]
		}
	}
}

// Check returns what may be missing of nodes that were not heard for long. It is called when all that has come was
// read.
func (a *Account) Check(now time.Time) (gaps []Gap) {
	for _, m := range a.members {
		if !m.open && !m.since.IsZero() && now.Sub(m.since) > silence {
			gaps = append(gaps, m.lose(now, "has not been heard for "+silence.String()))
		}
	}
	return gaps
}

// lose notes that messages may be missing until now.
func (m *member) lose(now time.Time, why string) Gap {
	g := Gap{
		Since: m.complete, Until: now,
		Cause: fmt.Sprintf("messages published at the cluster's node %s may be missing: it %s", m.addr, why),
	}
	m.complete, m.open = now, true
	return g
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
