package relay

// The names of messages that come from Redis.

import (
	"bytes"

	"redis-relay/relay/history"
	"redis-relay/relay/names"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// frameChunk is how many bytes of frames are in one piece of memory.
const frameChunk = 256 << 10

// renamer makes messages from Redis those that local clients would get from a Redis with their names. It belongs to the
// loop.
type renamer struct {
	chunk []byte // of frames, one behind the other, so that neighbours are queued as one
	kept  bool   // something may refer to chunk: it is filled up, and then left to the garbage collector
	own   []byte // the name of an announcement's channel
}

// localize changes the names of a message, and its frame, and reports whether anybody here may hear it. The frame is
// copied if a name changes. One of the relay's own channels is called as if there were no prefix.
func (r *renamer) localize(m *names.Map, d *resp.Delivery) bool {
	rest, ok := m.Cut(d.Channel)
	if !ok {
		return false
	}
	if route.IsReserved(rest) {
		d.Channel, ok = r.ownChannel(m, rest)
		return ok
	}
	channel, before, ok := m.Channel(rest)
	if !ok {
		return false
	}
	if d.Kind == resp.PMessage {
		if d.Pattern, ok = m.Pattern(d.Pattern, before, channel); !ok {
			return false
		}
	}
	if len(channel) < len(d.Channel) {
		d.Channel = channel
		r.rewrite(d)
	}
	return true
}

// ownChannel returns how a channel of the relay's own is called here.
func (r *renamer) ownChannel(m *names.Map, rest []byte) (name []byte, ok bool) {
	announced, is := bytes.CutPrefix(rest, []byte(history.SeqPrefix))
	if !is {
		return rest, true
	}
	channel, _, ok := m.Channel(announced)
	r.own = append(append(r.own[:0], history.SeqPrefix...), channel...)
	return r.own, ok
}

// rewrite makes the frame that of the names. Of a message that was too large to be read there is none.
func (r *renamer) rewrite(d *resp.Delivery) {
	if d.Frame == nil {
		return
	}
	begin := r.room(len(d.Frame)) // the new one is shorter
	if d.Kind == resp.PMessage {
		r.chunk = resp.AppendMessage(r.chunk, resp.RESP2, d.Kind.String(), d.Pattern, d.Channel, d.Payload)
	} else {
		r.chunk = resp.AppendMessage(r.chunk, resp.RESP2, d.Kind.String(), d.Channel, d.Payload)
	}
	d.Frame = r.chunk[begin:]
}

// room makes room for a frame of n bytes, and returns where it begins in chunk.
func (r *renamer) room(n int) (begin int) {
	if cap(r.chunk)-len(r.chunk) < n {
		r.chunk, r.kept = make([]byte, 0, max(frameChunk, n)), false
	}
	return len(r.chunk)
}

// ordinary returns the frame that a message on a shard channel would have on an ordinary one. It is a copy.
func (r *renamer) ordinary(d *resp.Delivery) []byte {
	begin := r.room(len(d.Frame)) // the new one is shorter
	r.chunk = resp.AppendMessage(r.chunk, resp.RESP2, resp.Message.String(), d.Channel, d.Payload)
	return r.chunk[begin:]
}

// reuse uses the memory again, unless something may still refer to it. All frames were written before.
func (r *renamer) reuse(reusable bool) {
	if r.kept = r.kept || !reusable; !r.kept {
		r.chunk = r.chunk[:0]
	}
}
