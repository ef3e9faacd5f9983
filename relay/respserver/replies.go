package respserver

// What a client is told at once.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// replies is the output of one connection, and whether it wants any.
type replies struct {
	out      *hub.Outbox
	scratch  []byte
	skipNext bool // CLIENT REPLY SKIP
	muted    bool // no reply to the command being carried out
	off      bool // CLIENT REPLY OFF
}

// begin begins a command.
func (r *replies) beginCommand() {
	r.muted = r.off || r.skipNext
	r.skipNext = false
}

// send sends a reply, unless the client asked for none.
func (r *replies) send(b []byte) {
	if !r.muted {
		r.push(b)
	}
}

// push sends what is no reply: confirmations are sent even to a client that asked
// for no replies.
func (r *replies) push(b []byte) {
	r.out.Reply(b)
	if r.scratch = b[:0]; cap(b) > 4096 {
		r.scratch = nil
	}
}

func (r *replies) err(text string)    { r.send(resp.AppendError(r.scratch, text)) }
func (r *replies) simple(text string) { r.send(resp.AppendSimple(r.scratch, text)) }
func (r *replies) int(n int64)        { r.send(resp.AppendInt(r.scratch, n)) }
func (r *replies) bulk(s []byte)      { r.send(resp.AppendBulk(r.scratch, s)) }
