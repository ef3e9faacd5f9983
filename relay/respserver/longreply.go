package respserver

// Replies that may be long: they are made in pieces, which count for all clients while the reply is made.

import (
	"fmt"
	"strconv"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// pieceSize is how many bytes a piece has room for.
const pieceSize = 64 << 10

// longReply is a reply that is being made.
type longReply struct {
	session *session
	pieces  [][]byte
	bytes   int // of all pieces but the last
	charged int // of these, bytes that count for all clients
}

func newLongReply(c *session) *longReply { return &longReply{session: c} }

// last returns the piece to append to. Give the result of appending to setLast.
func (r *longReply) last() []byte {
	n := len(r.pieces) - 1
	switch {
	case n < 0:
		r.pieces = append(r.pieces, nil)
	case len(r.pieces[n]) < pieceSize:
		return r.pieces[n]
	default:
		r.bytes += len(r.pieces[n])
		r.charge(r.bytes + pieceSize)
		r.pieces = append(r.pieces, make([]byte, 0, pieceSize+pieceSize/8))
	}
	return r.pieces[len(r.pieces)-1]
}

// setLast replaces the piece that was appended to.
func (r *longReply) setLast(piece []byte) { r.pieces[len(r.pieces)-1] = piece }

func (r *longReply) charge(bytes int) {
	if bytes != r.charged {
		r.session.memory.charge(bytes - r.charged)
		r.charged = bytes
	}
}

// tooLong returns the error if no more may be appended, or nothing. advice says what the client can do.
func (r *longReply) tooLong(command, advice string) string {
	return tooLarge(r.session, command, r.bytes, r.session.srv.limits.Answer.Load(), advice)
}

// tooLarge returns the error for a reply that has more bytes than limit, or than the client's queue has room for, or
// nothing. what is the command or the channel.
func tooLarge(c *session, what string, bytes int, limit int64, advice string) string {
	switch {
	case int64(bytes) > limit:
		return fmt.Sprintf("TOOLARGE %s: more than %d bytes in one answer; %s", what, limit, advice)
	case c.out.Full(bytes):
		return fmt.Sprintf("TOOLARGE %s: more than limits.queue (%d bytes) would wait for this client; "+
			"read earlier answers first", what, c.srv.limits.Queue.Load())
	}
	return ""
}

// replyText sends the reply as text for people, unless the client asked for no replies.
func (r *longReply) replyText() {
	n := 0
	for _, p := range r.pieces {
		n += len(p)
	}
	head := "$" + strconv.Itoa(n) + "\r\n"
	if r.session.proto == resp.RESP3 {
		head = "=" + strconv.Itoa(n+len("txt:")) + "\r\ntxt:"
	}
	pieces := r.take([]byte(head), []byte("\r\n"))
	if !r.session.replies.muted {
		r.session.out.ReplyOwned(pieces...)
	}
}

// complete completes a reply slot with the reply, with head before it.
func (r *longReply) complete(slot *hub.Slot, head []byte) {
	slot.CompleteOwned(r.take(head, nil)...)
}

// confirm completes a reply slot with pushes: they are no reply, and need no head.
func (r *longReply) confirm(slot *hub.Slot) {
	pieces := r.pieces
	r.discard()
	if len(pieces) == 1 && len(pieces[0]) < pieceSize/8 {
		slot.Complete(pieces[0])
		return
	}
	slot.CompleteOwned(pieces...)
}

// take returns the reply with what stands before and after it, and empties r.
func (r *longReply) take(head, tail []byte) [][]byte {
	pieces := append(append([][]byte{head}, r.pieces...), tail)
	r.discard()
	return pieces
}

// discard empties r, which counts for nothing then: what was sent counts in the Outbox.
func (r *longReply) discard() {
	r.charge(0)
	r.pieces = nil
}
