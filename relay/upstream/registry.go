package upstream

// What is wanted of Redis, what Redis holds, and the commands between the two.

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// batchSize is the number of names in one SUBSCRIBE: enough that 100,000
// channels are few commands, small enough that Redis serves others in between.
const batchSize = 500

// maxFlying bounds the names that Redis has been asked for and has not answered:
// messages come behind the answers, and must not wait for 100,000 of them.
const maxFlying = 2 * batchSize

var errOutOfStep = errors.New("Redis confirmed something else than was asked")

// wire is what Redis was last told of a name, and whether it has answered.
type wire uint8

const (
	absent wire = iota
	subscribing
	held
	unsubscribing
)

// interest is the state of one name. Those who want it change want, the connection
// changes wire; whoever sees that they differ queues the name.
type interest struct {
	want   bool
	queued bool
	alone  bool // refused in a batch: ask for it alone, to learn which one it was
	wire   wire
}

type name struct {
	kind resp.Kind
	name string
}

// command is one that Redis has not answered yet.
type command struct {
	kind      resp.Kind
	subscribe bool
	names     []string // answered in this order
	answered  int
	sent      time.Time
}

// registry keeps the names that are not settled. A settled one, which Redis holds
// and somebody wants, or neither, costs no memory here: whoever wants it knows.
// Guarded by Subscriber.mu.
type registry struct {
	names  [resp.Kinds]map[string]interest // nil while empty: a map never shrinks
	queue  []name                          // names whose want and wire may differ
	stale  int                             // of queue, at most: names that are settled by now
	flying []*command                      // sent, in order
	asked  int                             // names in flying that are not answered
}

// want notes that a name is wanted from now on, or no longer; also that one is
// still wanted which was refused or lost. It reports whether Redis has the name
// subscribed: for one that is wanted, for certain; for the other, perhaps.
func (r *registry) want(n name, want bool) bool {
	i, open := r.names[n.kind][n.name]
	if !open && !want {
		i.wire = held
	}
	i.want = want
	r.put(n, i)
	if want {
		return i.wire == held
	}
	return i.wire != absent
}

// holds tells whether Redis has a name subscribed, for all that it has answered: one
// that is wanted, or that was said to be perhaps subscribed when it was not any more.
func (r *registry) holds(n name) bool {
	i, open := r.names[n.kind][n.name]
	return !open || i.wire == held || i.wire == unsubscribing && !i.want
}

// put stores the state of a name and queues it when something is to be done.
func (r *registry) put(n name, i interest) {
	idle := i.wire == absent || i.wire == held
	settled := idle && i.want == (i.wire == held)
	if idle && !settled && !i.queued {
		i.queued = true
		r.queue = append(r.queue, n)
	}
	if !settled {
		r.store(n, i)
		return
	}
	r.drop(n)
	if i.queued {
		r.stale++
		r.tidy()
	}
}

// tidy forgets the names in the queue that are settled, when they are most of it: while
// there is no connection nothing else empties it.
func (r *registry) tidy() {
	const some = 1000
	if r.stale < some || r.stale < len(r.queue)/2 {
		return
	}
	r.stale = 0
	seen := map[name]bool{} // one that was settled, and is not again, is queued twice
	r.queue = slices.DeleteFunc(r.queue, func(n name) bool {
		gone := !r.names[n.kind][n.name].queued || seen[n]
		seen[n] = true
		return gone
	})
	r.queue = slices.Clip(r.queue)
}

func (r *registry) store(n name, i interest) {
	if r.names[n.kind] == nil {
		r.names[n.kind] = map[string]interest{}
	}
	r.names[n.kind][n.name] = i
}

func (r *registry) drop(n name) {
	if delete(r.names[n.kind], n.name); len(r.names[n.kind]) == 0 {
		r.names[n.kind] = nil
	}
}

// due is how many names are to be sent now: a whole batch, or all there are.
func (r *registry) due() int {
	n := min(batchSize, len(r.queue))
	if r.asked+n > maxFlying {
		return 0
	}
	return n
}

// commands makes commands of the names that have been queued longest, as many as
// are due; they are flying from now on.
func (r *registry) commands(now time.Time) []*command {
	var list []*command
	open := map[[2]uint8]*command{}
	batch := r.queue[:r.due()]
	if r.queue = r.queue[len(batch):]; len(r.queue) == 0 {
		r.queue = nil
	}
	for _, n := range batch {
		i := r.names[n.kind][n.name]
		i.queued = false
		switch {
		case i.want && i.wire == absent:
			i.wire = subscribing
		case !i.want && i.wire == held:
			i.wire = unsubscribing
		default:
			r.put(n, i)
			continue
		}
		key := [2]uint8{uint8(n.kind), uint8(i.wire)}
		c := open[key]
		if c == nil || i.alone {
			c = &command{kind: n.kind, subscribe: i.wire == subscribing, sent: now}
			list = append(list, c)
			if !i.alone {
				open[key] = c
			}
		}
		c.names = append(c.names, n.name)
		r.asked++
		r.put(n, i)
	}
	r.flying = append(r.flying, list...)
	return list
}

// confirm takes a confirmation and returns what it was of.
func (r *registry) confirm(kind resp.Kind, subscribed bool, channel string) (n name, wanted bool, err error) {
	if len(r.flying) == 0 {
		return n, false, fmt.Errorf("%w: %q, and nothing was asked", errOutOfStep, channel)
	}
	c := r.flying[0]
	if c.kind != kind || c.subscribe != subscribed || c.names[c.answered] != channel {
		return n, false, fmt.Errorf("%w: %q instead of %q", errOutOfStep, channel, c.names[c.answered])
	}
	n = name{kind, c.names[c.answered]}
	r.asked--
	if c.answered++; c.answered == len(c.names) {
		r.landed()
	}
	i := r.names[n.kind][n.name]
	i.alone = false
	if i.wire = absent; subscribed {
		i.wire = held
	}
	r.put(n, i)
	return n, i.want, nil
}

// landed drops the oldest command: it is answered.
func (r *registry) landed() {
	r.flying[0] = nil
	r.flying = r.flying[1:]
}

// letsGo tells whether the oldest command unsubscribes names, and of which kind.
func (r *registry) letsGo() (kind resp.Kind, is bool) {
	if len(r.flying) == 0 || r.flying[0].subscribe {
		return 0, false
	}
	return r.flying[0].kind, true
}

// refuse takes an error that answers the oldest command. It returns the name
// that Redis refused to subscribe; ok is false when that is not known yet, and
// each name of the command is asked for alone, but for those that nobody wants any
// more: these are gone.
func (r *registry) refuse() (n name, ok bool, gone []name, err error) {
	if len(r.flying) == 0 {
		return n, false, nil, errOutOfStep
	}
	c := r.flying[0]
	r.landed()
	r.asked -= len(c.names) - c.answered
	ok = c.subscribe && len(c.names) == 1
	for _, s := range c.names {
		n = name{c.kind, s}
		i := r.names[n.kind][n.name]
		i.wire, i.alone = absent, true
		if ok && i.want {
			r.store(n, i) // asked for again at the next want or life
			continue
		}
		if !ok && !i.want {
			gone = append(gone, n)
		}
		r.put(n, i)
	}
	return n, ok, gone, nil
}

// reset forgets what was under way on a lost connection, and queues all that is
// wanted. Names that were settled have been wanted again before.
func (r *registry) reset() {
	r.queue, r.flying, r.asked, r.stale = nil, nil, 0, 0
	for kind := range r.names {
		for s, i := range r.names[kind] {
			n := name{resp.Kind(kind), s}
			r.put(n, interest{want: i.want})
		}
	}
}

// missing counts the names that are wanted and not held, and gives one of them.
func (r *registry) missing() (count int, example name) {
	for kind := range r.names {
		for s, i := range r.names[kind] {
			if i.want && i.wire != held {
				count++
				example = name{resp.Kind(kind), s}
			}
		}
	}
	return count, example
}

// settled tells whether Redis has answered all that was asked.
func (r *registry) settled() bool { return len(r.queue) == 0 && len(r.flying) == 0 }
