package shards

// One slot: what is wanted of it, and the commands about it.

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
)

const (
	namesPerCommand = 500 // that one SSUBSCRIBE has at most
	maxHops         = 5   // from node to node, before the next tick
)

// slot is there while names of it are wanted, or something waits. It belongs to the loop.
type slot struct {
	shards *Shards // fixed after construction
	number int     // fixed after construction

	names  map[string]*name // that are wanted
	unsent []*group         // in order
	at     *node            // where names are subscribed and publishes go; nil: nobody knows the owner
	host   *node            // is the owner, which has said that the slot is about to move to at; nil: at is the owner
	queued bool             // at is about to subscribe it, in a session that has begun
	again  bool             // something is to be sent again at the next tick
	hops   int              // since the last tick

	publishes publishes
	overlap   overlap
	loss      loss
}

// name is one that is wanted.
type name struct {
	confirmed bool
	command   uint64 // number of the last one about it
}

// group is names of one command.
type group struct {
	names   []string
	number  uint64
	isFence bool                // the names are subscribed: only their order counts
	done    func(refused error) // nil: nobody waits for it
}

// want makes the command for names.
func (sl *slot) want(names []string, done func(refused error)) *group {
	sl.shards.number++
	g := &group{names: names, number: sl.shards.number, done: done}
	if sl.names == nil {
		sl.names = map[string]*name{}
	}
	for _, text := range names {
		if sl.names[text] == nil {
			sl.names[text] = &name{}
		}
		sl.names[text].command = g.number
	}
	return g
}

// ask sends a command, or has it wait.
func (sl *slot) ask(g *group) {
	sl.keep(g)
	sl.flush()
}

// keep has a command wait in its place.
func (sl *slot) keep(g *group) {
	i, _ := slices.BinarySearchFunc(sl.unsent, g, func(a, b *group) int { return cmp.Compare(a.number, b.number) })
	sl.unsent = slices.Insert(sl.unsent, i, g)
}

// ready reports whether commands can be sent.
func (sl *slot) ready() bool {
	return !sl.shards.closed && sl.at != nil && sl.at.up && !sl.queued && !sl.again &&
		(sl.host == nil || sl.at.conn.Ready())
}

// flush sends what waits, if it can be sent.
func (sl *slot) flush() {
	if !sl.ready() {
		return
	}
	unsent := sl.unsent
	sl.unsent = nil
	for _, g := range unsent {
		sl.send(g, func() {})
	}
	sl.publishes.sendWaiting()
}

// takeUnsent takes all commands that wait, and one for what is wanted beside, and is not subscribed.
func (sl *slot) takeUnsent() []*group {
	covered := map[string]bool{}
	for _, g := range sl.unsent {
		for _, text := range g.names {
			covered[text] = covered[text] || !g.isFence
		}
	}
	var rest []string
	for text, n := range sl.names {
		if !n.confirmed && !covered[text] {
			rest = append(rest, text)
		}
	}
	groups := sl.unsent
	sl.unsent = nil
	for part := range slices.Chunk(rest, namesPerCommand) {
		groups = append(groups, sl.want(part, nil))
	}
	return groups
}

// send sends a command now. after is called when it is answered, whatever follows.
func (sl *slot) send(g *group, after func()) {
	n := sl.at
	wanted, confirmed := sl.wanted(g)
	answer := func(lost bool, refused error) {
		sl.answered(g, n, lost, refused)
		after()
	}
	switch {
	case len(wanted) == 0:
		sl.shards.loop.Post(func() { answer(false, nil) })
	case g.isFence && confirmed:
		n.conn.Fence(func(lost bool) { answer(lost, nil) })
	default:
		sl.sayAsking()
		n.conn.Subscribe(resp.SMessage, wanted, answer)
	}
}

// sayAsking goes before each command to a node that is not the owner yet.
func (sl *slot) sayAsking() {
	if sl.host != nil {
		sl.at.conn.Do(func(any, error) {}, "ASKING")
	}
}

// wanted returns the names of a command that are still wanted, and whether all of them are subscribed.
func (sl *slot) wanted(g *group) (names []string, confirmed bool) {
	confirmed = true
	for _, text := range g.names {
		if n := sl.names[text]; n != nil {
			names, confirmed = append(names, text), confirmed && n.confirmed
		}
	}
	return names, confirmed
}

// answered takes what a node has answered to a command.
func (sl *slot) answered(g *group, by *node, lost bool, refused error) {
	var reply upstream.ReplyError
	isReply := errors.As(refused, &reply)
	r, elsewhere := cluster.ParseRedirect(string(reply), by.addr)
	switch {
	case lost || refused == nil && sl.at != by:
		sl.ask(g)
	case refused == nil:
		sl.confirm(g)
	case elsewhere:
		sl.keep(g)
		if sl.shards.redirected(sl, by, r) {
			sl.tryAgain()
		}
		sl.flush()
	case isReply && cluster.IsPassing(string(reply)):
		sl.tryAgain()
		sl.ask(g)
	default:
		sl.refused(g, refused)
	}
	sl.forgetUnused()
}

// tryAgain has all that waits sent at the next tick, and nothing before.
func (sl *slot) tryAgain() {
	sl.again = true
	sl.mark()
}

// mark has the slot looked at in the next tick.
func (sl *slot) mark() {
	s := sl.shards
	if calm := len(s.marked) == 0; !s.marked[sl] {
		s.marked[sl] = true
		if calm {
			s.arm()
		}
	}
}

// confirm notes that Redis has confirmed a command.
func (sl *slot) confirm(g *group) {
	for _, text := range g.names {
		if n := sl.names[text]; n != nil && n.command <= g.number {
			n.confirmed = true
		}
	}
	if g.done != nil {
		g.done(nil)
	}
	sl.loss.end()
}

// refused takes an error that nothing can be done about. Redis refuses a command as a whole: of names that were
// subscribed before, each is then asked for alone.
func (sl *slot) refused(g *group, refused error) {
	wanted := slices.DeleteFunc(slices.Clone(g.names), func(text string) bool {
		n := sl.names[text]
		return n == nil || n.command != g.number
	})
	if g.done == nil && len(wanted) > 1 {
		for _, text := range wanted {
			sl.ask(sl.want([]string{text}, nil))
		}
		return
	}
	for _, text := range wanted {
		delete(sl.names, text)
	}
	switch {
	case g.done != nil:
		g.done(refused)
	case len(wanted) > 0:
		sl.shards.owner.Refused(wanted[0], refused)
	}
	sl.loss.end()
}

// letGo ends names. done is called later.
func (sl *slot) letGo(names []string, done func()) {
	for _, text := range names {
		delete(sl.names, text)
	}
	sl.unsent = slices.DeleteFunc(sl.unsent, func(g *group) bool {
		wanted, _ := sl.wanted(g)
		over := len(wanted) == 0
		if over && g.done != nil {
			sl.shards.loop.Post(func() { g.done(nil) })
		}
		return over
	})
	if sl.at != nil {
		sl.at.leave(names, done)
	} else {
		sl.shards.loop.Post(done)
	}
	sl.loss.end()
	sl.forgetUnused()
}

// forgetUnused forgets a slot of which nothing is wanted.
func (sl *slot) forgetUnused() {
	if len(sl.names) > 0 || len(sl.unsent) > 0 || sl.publishes.any() || sl.shards.slots[sl.number] != sl {
		return
	}
	delete(sl.shards.slots, sl.number)
	old, host := sl.overlap.old, sl.host
	sl.overlap.end()
	for _, n := range []*node{sl.at, old, host} {
		sl.leaveNode(n)
	}
}

// leaveNode says that the slot has nothing to do with a node any more, unless it is there.
func (sl *slot) leaveNode(n *node) {
	isHere := sl.shards.slots[sl.number] == sl && (sl.at == n || sl.overlap.old == n || sl.host == n)
	if n != nil && !isHere && n.slots[sl] {
		delete(n.slots, sl)
		n.used = time.Now()
	}
}

// tick looks at what waits, and reports whether it is to do so again.
func (sl *slot) tick(now time.Time) bool {
	sl.hops = 0
	if sl.again {
		sl.again = false
		sl.flush()
	}
	sl.publishes.expire(now)
	sl.overlap.expire(now)
	sl.loss.tellOpen(now)
	sl.forgetUnused()
	return sl.again || sl.publishes.waits() || sl.overlap.old != nil || sl.loss.open
}
