package relay

// One message, several times: once by its name, and once for each pattern.

import (
	"strconv"

	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// newest is the message that came from Redis last, and what was made of it. One that
// also matches patterns comes several times in a row: it is judged, counted and
// reported once.
type newest struct {
	route   *route.Route
	channel []byte
	pattern []byte // by which it came first; nil: by its name
	payload []byte

	judgement

	large tooLarge

	memory []byte // of its own, when it has outlived that of the messages
	kept   bool   // the slices are of memory
}

// judgement is what one pass over a message can say.
type judgement struct {
	kind   []byte
	key    []byte // the value of latest_by; nil: none
	open   *check // whether it is valid takes long to say; nil: err says it
	err    error
	closed bool // not for local listeners, which was reported
}

// maxKept is the largest payload that newest copies, in bytes: of a larger one, what
// comes after a flush is judged again.
const maxKept = 64 << 10

// isCopy tells whether d is the newest message once more, by a pattern.
func (n *newest) isCopy(rt *route.Route, d *resp.Delivery) bool {
	return d.Kind == resp.PMessage && n.route == rt && string(n.pattern) != string(d.Pattern) &&
		string(n.channel) == string(d.Channel) && string(n.payload) == string(d.Payload)
}

// begin makes d the newest message.
func (n *newest) begin(rt *route.Route, d *resp.Delivery, j judgement) {
	*n = newest{rt, d.Channel, d.Pattern, d.Payload, j, n.large, n.memory, false}
}

// keep makes n independent of the memory of messages, which may be used again.
func (n *newest) keep() {
	switch {
	case n.kept || n.route == nil:
		return
	case len(n.channel)+len(n.pattern)+len(n.payload) > maxKept:
		*n = newest{large: n.large, memory: n.memory}
		return
	}
	n.memory, n.kept = n.memory[:0], true
	parts := [...]*[]byte{&n.channel, &n.pattern, &n.payload, &n.kind, &n.key}
	for _, part := range parts {
		n.memory = append(n.memory, *part...)
	}
	b := n.memory
	for _, part := range parts {
		if *part != nil {
			*part, b = b[:len(*part):len(*part)], b[len(*part):]
		}
	}
}

// tooLarge is the message over limits.payload, or on a channel over limits.name, that
// came last. It may not have been read:
// its channel and its size tell its copies.
type tooLarge struct {
	channel string
	pattern string // by which it came first; empty: by its name
	size    int    // bytes of the payload
}

// isCopy tells whether a message with so many bytes of payload is that one once more;
// else it is the newest from now on.
func (l *tooLarge) isCopy(d *resp.Delivery, size int) bool {
	if d.Kind == resp.PMessage && l.pattern != string(d.Pattern) && l.channel == string(d.Channel) && l.size == size {
		return true
	}
	*l = tooLarge{string(d.Channel), string(d.Pattern), size}
	return false
}

// payloadSize returns the bytes of payload in a frame of so many bytes, of which only
// the names need to be there.
func payloadSize(d *resp.Delivery, frame int) int {
	rest := frame - len("*3\r\n") - bulkSize(len(d.Kind.String())) - bulkSize(len(d.Channel))
	if d.Kind == resp.PMessage {
		rest -= bulkSize(len(d.Pattern))
	}
	size := rest
	for bulkSize(size) > rest {
		size--
	}
	return size
}

// bulkSize returns the bytes of a bulk string of n bytes, with its length and line ends.
func bulkSize(n int) int { return len("$\r\n\r\n") + len(strconv.Itoa(n)) + n }
