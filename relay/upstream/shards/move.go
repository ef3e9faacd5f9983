package shards

// A slot that moves from one node to another.

import (
	"fmt"
	"time"
)

// spreading bounds the time from which another node owns a slot until the old owner, and others, know.
const spreading = 2 * time.Second

// follow has the slot go where its owner is. If that is another one than before, it has been since asOf.
func (sl *slot) follow(asOf time.Time) {
	addr, host := sl.shards.table.Owner(sl.number), sl.host
	isHere := sl.at != nil && sl.at.addr == addr
	switch {
	case addr == "", host != nil && host.addr == addr: // it stays a guest
		return
	case isHere && host == nil:
		return
	case isHere: // it is a guest no more
		sl.host = nil
		sl.overlap.limit()
	default:
		sl.host = nil
		sl.moveTo(sl.shards.node(addr), asOf.Add(-spreading))
	}
	sl.leaveNode(host)
}

// visit has the slot go to a node to which it is about to move, as its owner says.
func (sl *slot) visit(to, owner *node) {
	if sl.at == owner && to != owner {
		sl.host = owner
		sl.moveTo(to, time.Time{})
	}
}

// moveTo has all that is wanted subscribed at another node. Messages published there since may be lost; zero: none are.
func (sl *slot) moveTo(to *node, since time.Time) {
	from, confirmed := sl.at, sl.confirmed()
	sl.at, sl.queued = to, false
	to.slots[sl] = true
	if sl.overlap.old == to {
		sl.overlap.drop()
	}
	if len(confirmed) > 0 {
		if !since.IsZero() {
			sl.loss.begin(earlier(from.conn.CompleteUntil(), since),
				fmt.Sprintf("their slots have moved from the cluster's node %s to %s", from.addr, to.addr))
		}
		sl.unconfirm()
		if !sl.overlap.begin(from) {
			from.leave(confirmed, func() {})
		}
	}
	sl.publishes.recall()
	sl.leaveNode(from)
	sl.unsent = sl.takeUnsent()
	sl.flush()
}

// lost says that the session of a node has ended.
func (sl *slot) lost(n *node) {
	if sl.overlap.old == n {
		sl.overlap.drop()
	}
	if sl.at == n && len(sl.confirmed()) > 0 {
		sl.loss.begin(n.conn.CompleteUntil(), fmt.Sprintf("the connection to the cluster's node %s was lost", n.addr))
		sl.unconfirm()
	}
}

// revoked says that a node has ended a subscription. If it was not asked to, it has lost the slot: it is asked for its
// view. If that does not tell the new owner, the answer to the next command does.
func (sl *slot) revoked(n *node, text string) {
	switch is := sl.names[text]; {
	case is == nil:
	case n == sl.overlap.old:
		sl.overlap.drop()
	case n == sl.at && is.confirmed:
		sl.loss.begin(earlier(n.conn.CompleteUntil(), time.Now().Add(-spreading)),
			fmt.Sprintf("their slots have moved from the cluster's node %s", n.addr))
		sl.unconfirm()
		sl.unsent = sl.takeUnsent()
		sl.again = true
		sl.mark()
		n.look(func() {
			sl.again = false
			sl.flush()
		})
	}
}

// confirmed lists the names that are subscribed.
func (sl *slot) confirmed() (names []string) {
	for text, n := range sl.names {
		if n.confirmed {
			names = append(names, text)
		}
	}
	return names
}

// wantedNames lists all that are wanted.
func (sl *slot) wantedNames() []string {
	names := make([]string, 0, len(sl.names))
	for text := range sl.names {
		names = append(names, text)
	}
	return names
}

// unconfirm notes that no name is subscribed.
func (sl *slot) unconfirm() {
	for _, n := range sl.names {
		n.confirmed = false
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
