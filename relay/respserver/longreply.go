package respserver

// Answers that may be long: they are made in pieces, and count among what waits for all
// clients while they are made.

import (
	"fmt"
	"strconv"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// pieceSize is how many bytes a piece has room for.
const pieceSize = 64 << 10

// answer is a long answer in the making.
type longReply struct {
	session *session
	pieces  [][]byte
	bytes   int // of the pieces, but the last
	charged int // as counted
}

func newLongReply(c *session) *longReply { return &longReply{session: c} }

// last returns the piece to append to.
func (a *longReply) last() []byte {
	n := len(a.pieces) - 1
	switch {
	case n < 0:
		a.pieces = append(a.pieces, nil)
	case len(a.pieces[n]) < pieceSize:
		return a.pieces[n]
	default:
		a.bytes += len(a.pieces[n])
		a.charge(a.bytes + pieceSize)
		a.pieces = append(a.pieces, make([]byte, 0, pieceSize+pieceSize/8))
	}
	return a.pieces[len(a.pieces)-1]
}

// put takes the piece that was appended to.
func (a *longReply) setLast(piece []byte) { a.pieces[len(a.pieces)-1] = piece }

func (a *longReply) charge(bytes int) {
	if bytes != a.charged {
		a.session.charge(bytes - a.charged)
		a.charged = bytes
	}
}

// tooLong says why no more may be appended, or nothing.
func (a *longReply) tooLong(command, wayOut string) string {
	limit := a.session.srv.limits.Answer.Load()
	switch {
	case int64(a.bytes) > limit:
		return fmt.Sprintf("TOOLARGE %s: more than %d bytes in one answer; %s", command, limit, wayOut)
	case a.session.out.Full(a.bytes):
		return fmt.Sprintf("TOOLARGE %s: more than limits.queue (%d bytes) would wait for this client; "+
			"read earlier answers first", command, a.session.srv.limits.Queue.Load())
	}
	return ""
}

func (a *longReply) size() (n int) {
	for _, p := range a.pieces {
		n += len(p)
	}
	return n
}

// reply sends the answer with what comes before and behind it, unless the client asked
// for none.
func (a *longReply) reply(head, tail []byte) {
	pieces := append(append([][]byte{head}, a.pieces...), tail)
	a.discard()
	if !a.session.replies.muted {
		a.session.out.ReplyOwned(pieces...)
	}
}

// replyText sends a text for people.
func (a *longReply) replyText() {
	n := a.size()
	if a.session.proto == resp.RESP3 {
		a.reply([]byte("="+strconv.Itoa(n+len("txt:"))+"\r\ntxt:"), []byte("\r\n"))
		return
	}
	a.reply([]byte("$"+strconv.Itoa(n)+"\r\n"), []byte("\r\n"))
}

// fill sends what is no reply at the place that slot keeps.
func (a *longReply) completeSlot(slot *hub.Slot) {
	pieces := a.pieces
	a.discard()
	if len(pieces) == 1 && len(pieces[0]) < pieceSize/8 {
		slot.Complete(pieces[0])
		return
	}
	slot.CompleteOwned(pieces...)
}

// giveUp ends the counting: what was sent counts where it waits.
func (a *longReply) discard() {
	a.charge(0)
	a.pieces = nil
}

// replyText sends a text for people.
func replyText(c *session, s string) {
	c.replies.send(resp.AppendVerbatim(c.replies.scratch, c.proto, "txt", s))
}
