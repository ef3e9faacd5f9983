package respserver

// Replies that are known at once.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// replies sends the replies of one connection, as far as the client wants them.
type replies struct {
	out      *hub.Outbox // fixed after construction
	scratch  []byte      // memory for the next reply
	skipNext bool        // CLIENT REPLY SKIP
	muted    bool        // no reply to the command being carried out
	off      bool        // CLIENT REPLY OFF
}

// beginCommand is called before each command.
func (r *replies) beginCommand() {
	r.muted = r.off || r.skipNext
	r.skipNext = false
}

// send sends a reply that was appended to scratch, unless the client asked for none.
func (r *replies) send(b []byte) {
	if r.muted {
		return
	}
	r.out.Reply(b)
	if r.scratch = b[:0]; cap(b) > 4096 {
		r.scratch = nil
	}
}

func (r *replies) err(text string)    { r.send(resp.AppendError(r.scratch, text)) }
func (r *replies) simple(text string) { r.send(resp.AppendSimple(r.scratch, text)) }
func (r *replies) int(n int64)        { r.send(resp.AppendInt(r.scratch, n)) }
func (r *replies) bulk(s []byte)      { r.send(resp.AppendBulk(r.scratch, s)) }

// text replies with text for people.
func (r *replies) text(proto resp.Proto, s string) {
	r.send(resp.AppendVerbatim(r.scratch, proto, "txt", s))
}
