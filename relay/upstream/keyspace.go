package upstream

// Key space events in a cluster. The session gets those of its own node. Those of the other masters come over one small
// connection to each, while somebody listens.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/events"
)

// confirmTimeout bounds how long a subscription waits for the other masters.
const confirmTimeout = time.Second

// keyspace belongs to the loop. Without a cluster it does nothing.
type keyspace struct {
	connection *Connection
	wanted     map[resp.Name]int     // with the change that last asked for it
	number     int                   // of the last change of wanted
	nodes      map[string]*eventNode // by the master's ID
	seen       time.Time             // when the masters were last known
	since      time.Time             // events published since may be missing; zero: none are
	overdue    int                   // the last change for which a master was waited for in vain
	waiting    []*owed               // in order: a name's end must not be confirmed before its beginning
}

// owed is the confirmation of a command, or of a fence, in their order.
type owed struct {
	number   int       // of the change that the other masters must have carried out; 0: of none
	due      time.Time // when they are waited for no more
	answered bool      // the session's own node has
	refused  error
	gone     bool // the session has ended
	done     func(lost bool, refused error)
}

// subscribe has the other masters send the events among some names. It returns what the answer of the session's own
// node is for: done is called when they have confirmed, or do not within a second.
func (k *keyspace) subscribe(
	kind resp.Kind, names []string, done func(lost bool, refused error),
) func(lost bool, refused error) {
	added := k.among(kind, names)
	if len(added) == 0 {
		return k.inOrder(0, done)
	}
	for _, name := range added {
		k.wanted[resp.Name{Kind: kind, Text: name}] = k.number + 1
	}
	k.change(kind, added, false)
	k.hire(time.Now())
	number := k.number
	return k.inOrder(number, func(lost bool, refused error) {
		if refused != nil {
			k.unsubscribe(kind, slices.DeleteFunc(added, func(name string) bool { // what was asked for again stays
				return k.wanted[resp.Name{Kind: kind, Text: name}] != number
			}))
		}
		done(lost, refused)
	})
}

// unsubscribe lets go of the events among some names.
func (k *keyspace) unsubscribe(kind resp.Kind, names []string) {
	gone := k.among(kind, names)
	if len(gone) == 0 {
		return
	}
	for _, name := range gone {
		delete(k.wanted, resp.Name{Kind: kind, Text: name})
	}
	k.change(kind, gone, true)
	if len(k.wanted) == 0 {
		k.dismiss()
	}
}

// among picks the names of events, if there is a cluster.
func (k *keyspace) among(kind resp.Kind, names []string) (list []string) {
	if k.connection == nil || k.connection.bus.session == nil {
		return nil
	}
	for _, name := range names {
		if events.Are(kind, name) {
			list = append(list, name)
		}
	}
	return list
}

// change tells the other masters.
func (k *keyspace) change(kind resp.Kind, names []string, end bool) {
	k.number++
	c := wants{events.Change{Number: k.number, End: end}}
	c.add(kind, names)
	for id, e := range k.nodes {
		if !e.send(c.Change) { // it is behind, and gets all anew
			k.lose(e.complete)
			k.drop(id)
			k.open(id, e.addr, e.complete)
		}
	}
}

// inOrder returns what calls done behind all that still waits.
func (k *keyspace) inOrder(number int, done func(lost bool, refused error)) func(lost bool, refused error) {
	if number == 0 && len(k.waiting) == 0 {
		return done
	}
	m := &owed{number: number, due: time.Now().Add(confirmTimeout), done: done}
	k.waiting = append(k.waiting, m)
	return func(lost bool, refused error) {
		if m.gone {
			done(true, nil)
			return
		}
		m.answered, m.refused = true, refused
		if number > 0 {
			k.connection.loop.AfterFunc(time.Until(m.due), k.release)
		}
		k.release()
	}
}

// fenceInOrder is inOrder for a fence.
func (k *keyspace) fenceInOrder(done func(lost bool)) func(lost bool) {
	if len(k.waiting) == 0 {
		return done
	}
	next := k.inOrder(0, func(lost bool, _ error) { done(lost) })
	return func(lost bool) { next(lost, nil) }
}

// release calls those whose turn has come.
func (k *keyspace) release() {
	for len(k.waiting) > 0 {
		m := k.waiting[0]
		if !m.answered || m.refused == nil && !k.haveDone(m.number) && time.Now().Before(m.due) {
			return
		}
		k.giveUp(m)
		k.waiting = slices.Delete(k.waiting, 0, 1)
		m.done(false, m.refused)
	}
}

// giveUp waits no more for those that have not confirmed.
func (k *keyspace) giveUp(m *owed) {
	for _, e := range k.nodes {
		if m.refused == nil && e.done < m.number {
			k.overdue = m.number
			k.lose(e.complete)
		}
	}
}

// haveDone reports whether all other masters have carried out a change.
func (k *keyspace) haveDone(number int) bool {
	for _, e := range k.nodes {
		if e.done < number {
			return false
		}
	}
	return true
}

// lose notes that events since a time may be missing.
func (k *keyspace) lose(since time.Time) {
	if k.since.IsZero() || since.Before(k.since) {
		k.since = since
	}
}

// cover tells what may be missing once all other masters are heard, and have confirmed what was answered without them.
func (k *keyspace) cover() {
	if k.since.IsZero() {
		return
	}
	for _, e := range k.nodes {
		if !e.live || e.done < k.overdue {
			return
		}
	}
	gap := BusGap{
		Since: k.since, Until: time.Now(), Prefixes: events.Prefixes,
		Cause: "another master of the cluster was not heard: key space events of it may be missing",
	}
	k.since = time.Time{}
	k.connection.owner.BusLoss(gap)
}

// complete returns the time before which all events have come, if that is before a time.
func (k *keyspace) complete(at time.Time) time.Time {
	for _, e := range k.nodes {
		at = earlier(at, e.complete)
	}
	if !k.since.IsZero() {
		at = earlier(at, k.since)
	}
	return at
}

// end ends all of a session.
func (k *keyspace) end() {
	k.dismiss()
	clear(k.wanted)
	waiting := k.waiting
	k.waiting = nil
	for _, m := range waiting {
		if m.gone = true; m.answered { // the others are, soon
			m.done(true, nil)
		}
	}
}
