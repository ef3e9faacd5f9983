package shards

// The time in which a slot is heard from its old and from its new owner.

import (
	"fmt"
	"time"

	"redis-relay/relay/resp"
)

const (
	// overlapping is how long the old owner of a slot is heard beside the new one, unless it ends that before.
	overlapping = 5 * time.Second
	// maxHeld bounds the bytes of messages, of all slots, that wait for the old owners.
	maxHeld = 8 << 20
)

// overlap is that time of one slot. It belongs to the loop.
type overlap struct {
	slot *slot // fixed after construction

	old     *node     // nil: there is none
	until   time.Time // is the end at the latest, unless the slot is a guest
	kept    []message // of the new owner, until a PING has passed the old one
	fencing bool      // one is under way
	begun   uint64    // how many overlaps of the slot have begun
}

// message is one that is kept.
type message struct {
	resp.Delivery
	size int
}

// begin goes on hearing a node that the slot has left. It reports false if that makes no sense: a node without slots
// may be a replica by now, and repeat what its master sends.
func (o *overlap) begin(old *node) bool {
	if o.old != nil || !old.up || !o.slot.shards.table.Serves(old.addr) {
		return false
	}
	o.old = old
	o.begun++
	o.limit()
	o.slot.mark()
	return true
}

// limit has the time end soon.
func (o *overlap) limit() { o.until = time.Now().Add(overlapping) }

// expire ends it if it has taken too long.
func (o *overlap) expire(now time.Time) {
	if o.old != nil && o.slot.host == nil && now.After(o.until) {
		o.end()
	}
}

// hold keeps a message of the new owner until all has come that the old one had sent before.
func (o *overlap) hold(d *resp.Delivery) {
	m := message{*d, len(d.Frame) + len(d.Channel) + len(d.Payload)}
	all := make([]byte, 0, m.size)
	keep := func(b []byte) []byte {
		begin := len(all)
		all = append(all, b...)
		return all[begin:len(all):len(all)]
	}
	m.Frame, m.Channel, m.Payload = keep(d.Frame), keep(d.Channel), keep(d.Payload)
	o.kept = append(o.kept, m)
	if o.slot.shards.held += m.size; o.slot.shards.held > maxHeld {
		o.end()
		return
	}
	o.fence()
}

// fence delivers what is kept now when a PING has passed the old owner.
func (o *overlap) fence() {
	begun, n := o.begun, len(o.kept)
	if o.fencing || o.old == nil || n == 0 {
		return
	}
	o.fencing = true
	o.old.conn.Fence(func(bool) {
		if o.old != nil && o.begun == begun {
			o.fencing = false
			o.deliver(min(n, len(o.kept)))
			o.fence()
		}
	})
}

// deliver passes on the first messages that are kept.
func (o *overlap) deliver(n int) {
	kept := o.kept[:n]
	o.kept = o.kept[n:]
	for i := range kept {
		o.slot.shards.held -= kept[i].size
		o.slot.shards.sink.Deliver(&kept[i].Delivery)
	}
}

// drop forgets the old owner, from which nothing more comes.
func (o *overlap) drop() {
	old := o.old
	o.old, o.fencing = nil, false
	o.deliver(len(o.kept))
	o.kept = nil
	o.slot.leaveNode(old)
}

// end leaves the old owner, if there is one. What it takes until it knows that it is none is lost, and told.
func (o *overlap) end() {
	old := o.old
	if old == nil {
		return
	}
	since, names := old.conn.CompleteUntil(), o.slot.wantedNames()
	o.drop()
	if o.slot.at == old || len(names) == 0 {
		return
	}
	old.leave(names, func() {
		cause := fmt.Sprintf("%sthe cluster's node %s has not let their slots go in time", maybeMissing, old.addr)
		o.slot.shards.tell(Gap{since, time.Now(), cause, names})
	})
}
