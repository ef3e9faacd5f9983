package respserver

// Replies that come later.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// later is the place of a reply that is not known yet.
type pendingReply struct {
	session *session
	slot    hub.Slot // of no Outbox: the client wants no reply
	proto   resp.Proto
}

// later keeps the place of the reply to the command being carried out; nil: the client reads nothing, and is
// ending.
func (c *session) reserveReply() *pendingReply {
	l := &pendingReply{session: c, proto: c.proto}
	if !c.replies.muted && !c.out.Reserve(&l.slot) {
		return nil
	}
	return l
}

func (l *pendingReply) complete(b []byte) { l.slot.Complete(b) }
func (l *pendingReply) err(text string)   { l.complete(resp.AppendError(nil, text)) }

// give sends an answer in pieces, with what comes before and behind it.
func (l *pendingReply) completeLong(a *longReply, head, tail []byte) {
	pieces := append(append([][]byte{head}, a.pieces...), tail)
	a.discard()
	l.slot.CompleteOwned(pieces...)
}
