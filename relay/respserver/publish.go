package respserver

// PUBLISH and SPUBLISH.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

func publish(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		publishOne(c, Publication{Kind: kind, Channel: args[1], Payload: args[2]})
	}
}

// publishOne hands a message on and keeps the place of its reply.
func publishOne(c *session, p Publication) {
	r := &publishReply{session: c, wantsID: p.Field != nil}
	if !c.replies.muted && !c.out.Reserve(&r.slot) {
		return // it does not read its replies, and is ending
	}
	_ = c.submit(p, r) // r is told
}

// hand hands a message on. r is told what becomes of it, also of a refusal.
func (c *session) submit(p Publication, r Receipt) (refused error) {
	p.From, p.By, p.Sender = c.id, c.user(), c
	c.publishing++
	checking, err := c.srv.backend.Publish(p, r)
	switch {
	case err != nil:
		r.Published(0, "", err)
	case checking:
		c.checking = r
		c.pause(waitsForCheck)
	}
	if c.publishing >= c.window {
		c.pause(waitsForRoom)
	}
	return err
}

// passed notes that a publish is not being checked any more, and reports whether it was.
func (c *session) checkEnded(r Receipt) bool {
	if c.checking != r {
		return false
	}
	c.checking = nil
	c.unpause(waitsForCheck)
	return true
}

// published gives the place of a publish in the window back.
func (c *session) publishAnswered() {
	if c.publishing--; c.publishing < c.window {
		c.unpause(waitsForRoom)
	}
}

// receipt puts the answer of a publish in its place.
type publishReply struct {
	session *session
	slot    hub.Slot // of no Outbox: the client wants no reply
	wantsID bool     // in place of the number of receivers
}

// Checked lets the session read on.
func (r *publishReply) Checked() { r.session.checkEnded(r) }

// Published answers the client.
func (r *publishReply) Published(receivers int64, id string, err error) {
	r.session.checkEnded(r)
	r.session.publishAnswered()
	var buf [64]byte
	switch {
	case err != nil:
		r.slot.Complete(resp.AppendError(buf[:0], err.Error()))
	case r.wantsID:
		r.slot.Complete(resp.AppendBulkString(buf[:0], id))
	default:
		r.slot.Complete(resp.AppendInt(buf[:0], receivers))
	}
}
