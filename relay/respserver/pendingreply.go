package respserver

// Replies that are not known yet.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// pendingReply is a reply that is not known yet. It has its place among the replies, and is in the protocol in which
// the command came.
type pendingReply struct {
	session *session
	slot    hub.Slot // zero: the client wants no reply
	proto   resp.Proto
}

// reserveReply reserves the place of the reply to the command that is being carried out; nil: the client does not
// read, and is being disconnected.
func (c *session) reserveReply() *pendingReply {
	r := &pendingReply{session: c, proto: c.proto}
	if !c.replies.muted && !c.out.Reserve(&r.slot) {
		return nil
	}
	return r
}

func (r *pendingReply) complete(b []byte) { r.slot.Complete(b) }
func (r *pendingReply) err(text string)   { r.complete(resp.AppendError(nil, text)) }
