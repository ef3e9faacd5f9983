package upstream

// What is wanted of Redis, what Redis holds, and the commands between the two.

import (
	"errors"
	"fmt"
	"time"

	"redis-relay/relay/resp"
)

// batchSize is the number of names in one SUBSCRIBE: enough that 100,000
// channels are few commands, small enough that Redis serves others in between.
const batchSize = 500

var errOutOfStep = errors.New("Redis confirmed something else than was asked")

// wire is what Redis was last told of a name, and whether it has answered.
type wire uint8

const (
	absent wire = iota
	subscribing
	held
	unsubscribing
)

// interest is the state of one name. Want changes want; the connection changes
// wire; whoever sees that they differ queues the name.
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

// registry is guarded by Subscriber.mu.
type registry struct {
	names  [resp.Kinds]map[string]interest
	queue  []name     // names whose want and wire may differ
	flying []*command // sent, in order
}

func newRegistry() registry {
	var r registry
	for k := range r.names {
		r.names[k] = map[string]interest{}
	}
	return r
}

// want notes what is wanted and reports whether Redis has the name subscribed: for
// a name that is wanted, for certain; for one that is not any more, perhaps.
func (r *registry) want(n name, want bool) bool {
	i := r.names[n.kind][n.name]
	i.want = want
	r.put(n, i)
	if want {
		return i.wire == held
	}
	return i.wire != absent
}

// put stores the state of a name and queues it when something is to be done.
func (r *registry) put(n name, i interest) {
	idle := i.wire == absent || i.wire == held
	if idle && i.want != (i.wire == held) && !i.queued {
		i.queued = true
		r.queue = append(r.queue, n)
	}
	if !i.want && i.wire == absent && !i.queued {
		delete(r.names[n.kind], n.name)
		return
	}
	r.names[n.kind][n.name] = i
}

// commands empties the queue into commands, which are flying from now on.
func (r *registry) commands(now time.Time) []*command {
	var list []*command
	open := map[[2]uint8]*command{}
	for _, n := range r.queue {
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
		if c == nil || i.alone || len(c.names) == batchSize {
			c = &command{kind: n.kind, subscribe: i.wire == subscribing, sent: now}
			list = append(list, c)
			if !i.alone {
				open[key] = c
			}
		}
		c.names = append(c.names, n.name)
		r.put(n, i)
	}
	r.queue = nil
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

// refuse takes an error that answers the oldest command. It returns the name
// that Redis refused to subscribe; ok is false when that is not known yet, and
// each name of the command is asked for alone.
func (r *registry) refuse() (n name, ok bool, err error) {
	if len(r.flying) == 0 {
		return n, false, errOutOfStep
	}
	c := r.flying[0]
	r.landed()
	ok = c.subscribe && len(c.names) == 1
	for _, s := range c.names {
		n = name{c.kind, s}
		i := r.names[n.kind][n.name]
		i.wire, i.alone = absent, true
		if ok && i.want {
			r.names[n.kind][n.name] = i // asked for again at the next want or life
			continue
		}
		r.put(n, i)
	}
	return n, ok, nil
}

// reset forgets what a lost connection held, and queues all that is wanted.
func (r *registry) reset() {
	r.queue, r.flying = nil, nil
	for kind := range r.names {
		for s, i := range r.names[kind] {
			if !i.want {
				delete(r.names[kind], s)
				continue
			}
			r.names[kind][s] = interest{want: true, queued: true}
			r.queue = append(r.queue, name{resp.Kind(kind), s})
		}
	}
}

// missing returns the names that are wanted and not held.
func (r *registry) missing() (list []name) {
	for kind := range r.names {
		for s, i := range r.names[kind] {
			if i.want && i.wire != held {
				list = append(list, name{resp.Kind(kind), s})
			}
		}
	}
	return list
}

// settled tells whether Redis has answered all that was asked.
func (r *registry) settled() bool { return len(r.queue) == 0 && len(r.flying) == 0 }
