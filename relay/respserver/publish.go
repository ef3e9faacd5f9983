package respserver

// PUBLISH and SPUBLISH, and what was published and not answered.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// publishes are the publishes of one connection that Redis has not answered.
type publishes struct {
	window     int     // how many may be unanswered before the session is paused; fixed after construction
	unanswered int     // how many are
	checking   Receipt // of the publish that is being checked; nil: none is
}

func publish(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		publishOne(c, Publication{Kind: kind, Channel: args[1], Payload: args[2]})
	}
}

// publishOne publishes a message and reserves the place of its reply.
func publishOne(c *session, p Publication) {
	r := &publishReply{session: c, wantsID: p.Field != nil}
	if !c.replies.muted && !c.out.Reserve(&r.slot) {
		return // the client does not read its replies, and is being disconnected
	}
	_ = c.submit(p, r) // r gets the error
}

// submit publishes a message. r gets the outcome; if the message is refused, before submit returns.
func (c *session) submit(p Publication, r Receipt) (refused error) {
	p.From, p.By, p.Sender = c.client.id, c.client.user(), &c.client
	p.Arrived = c.srv.loop.Now()
	c.publishes.unanswered++
	checking, err := c.srv.backend.Publish(p, r)
	switch {
	case err != nil:
		r.Published(0, "", err)
	case checking:
		c.publishes.checking = r
		c.pauses.begin(waitsForCheck)
	}
	if c.publishes.unanswered >= c.publishes.window {
		c.pauses.begin(waitsForRoom)
	}
	return err
}

// checkEnded notes that the publish of r is not being checked any more, and reports whether it was.
func (c *session) checkEnded(r Receipt) bool {
	if c.publishes.checking != r {
		return false
	}
	c.publishes.checking = nil
	c.unpause(waitsForCheck)
	return true
}

// publishAnswered notes that a publish is answered.
func (c *session) publishAnswered() {
	if c.publishes.unanswered--; c.publishes.unanswered < c.publishes.window {
		c.unpause(waitsForRoom)
	}
}

// withdrawPublishes gives up the publishes that could not be sent to Redis so far: the client may be trying again.
func (c *session) withdrawPublishes() {
	if c.publishes.unanswered > 0 {
		c.srv.backend.Withdraw(c.client.id)
	}
}

// publishReply is the Receipt of one PUBLISH, SPUBLISH or XADD. It completes the reply.
type publishReply struct {
	session *session
	slot    hub.Slot // zero: the client wants no reply
	wantsID bool     // the reply is the ID, not the number of receivers
}

// Checked lets the session go on.
func (r *publishReply) Checked() { r.session.checkEnded(r) }

// Published completes the reply.
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
