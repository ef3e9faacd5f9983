package policy

// May a message from Redis reach local listeners? It may come several times: once by its name, and
// once for each pattern.

import (
	"strconv"

	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// LastMessage is the message that came last from one source, and its verdict. One that
// also matches patterns comes several times in a row: it is judged, counted and
// told once.
type LastMessage struct {
	route   *route.Route
	channel []byte
	pattern []byte // by which it came first; nil: by its name
	payload []byte
	verdict Verdict

	refused oversized

	memory []byte // of its own, when it has outlived that of the messages
	kept   bool   // the slices are of memory
}

// maxKept is the largest payload that LastMessage copies, in bytes: of a larger one, what
// comes after Keep is judged again.
const maxKept = 64 << 10

// Verdicts that many messages share. Nobody changes them.
var (
	passes  Verdict
	closed  = Verdict{Refusal: &Refusal{Code: Denied}, Silent: true}
	another = Verdict{Refusal: &Refusal{Code: TooLarge}} // once more
)

// Judge says what may happen to a message on a channel of rt. If it is the last one once more, a copy,
// that was told already. The verdict is valid until the next call.
func (l *LastMessage) Judge(now *Rules, rt *route.Route, d *resp.Delivery) (v *Verdict, isCopy bool) {
	if size := len(d.Payload); size > now.maxPayload {
		refusal := l.TooLarge(now, d, size)
		if refusal == nil {
			return &another, true
		}
		return &Verdict{Refusal: refusal}, false
	}
	if rt.Checker == nil && !rt.HasRate() && rt.Subscribe {
		return &passes, false
	}
	if !l.isCopy(rt, d) {
		l.begin(rt, d)
		now.receive(&l.verdict, rt, d)
		return &l.verdict, false
	}
	return &l.verdict, true
}

// receive judges a message as far as one pass over it can.
func (r *Rules) receive(v *Verdict, rt *route.Route, d *resp.Delivery) {
	if !rt.Subscribe {
		*v = closed
		return
	}
	r.judge(v, rt, inbound, d.Channel, d.Payload)
}

// isCopy tells whether d is the last message once more, by a pattern.
func (l *LastMessage) isCopy(rt *route.Route, d *resp.Delivery) bool {
	return d.Kind == resp.PMessage && l.route == rt && string(l.pattern) != string(d.Pattern) &&
		string(l.channel) == string(d.Channel) && string(l.payload) == string(d.Payload)
}

// begin makes d the last message.
func (l *LastMessage) begin(rt *route.Route, d *resp.Delivery) {
	l.route, l.channel, l.pattern, l.payload = rt, d.Channel, d.Pattern, d.Payload
	l.verdict, l.kept = Verdict{}, false
}

// Keep makes l independent of the memory of messages, which may be used again.
func (l *LastMessage) Keep() {
	switch {
	case l.kept || l.route == nil:
		return
	case len(l.channel)+len(l.pattern)+len(l.payload) > maxKept:
		*l = LastMessage{refused: l.refused, memory: l.memory}
		return
	}
	l.memory, l.kept = l.memory[:0], true
	parts := [...]*[]byte{&l.channel, &l.pattern, &l.payload, &l.verdict.Kind, &l.verdict.Key}
	for _, part := range parts {
		l.memory = append(l.memory, *part...)
	}
	b := l.memory
	for _, part := range parts {
		if *part != nil {
			*part, b = b[:len(*part):len(*part)], b[len(*part):]
		}
	}
}

// TooLarge refuses a message with so many bytes of payload, over limits.payload; nil: it is a copy.
func (l *LastMessage) TooLarge(now *Rules, d *resp.Delivery, size int) *Refusal {
	if l.refused.isCopy(d, size) {
		return nil
	}
	return now.tooLarge(d.Channel, size, " from Redis")
}

// LongName refuses a message on a channel whose name is over limits.name, which only patterns hear;
// nil: it is a copy.
func (l *LastMessage) LongName(now *Rules, d *resp.Delivery, size int) *Refusal {
	if l.refused.isCopy(d, size) {
		return nil
	}
	return now.LongName(d.Channel)
}

// oversized is the message over limits.payload, or on a channel over limits.name, that
// came last. It may not have been read: its channel and its size tell its copies.
type oversized struct {
	channel string
	pattern string // by which it came first; empty: by its name
	size    int    // bytes of the payload
}

// isCopy tells whether a message with so many bytes of payload is that one once more;
// else it is the last from now on.
func (o *oversized) isCopy(d *resp.Delivery, size int) bool {
	if d.Kind == resp.PMessage && o.pattern != string(d.Pattern) && o.channel == string(d.Channel) && o.size == size {
		return true
	}
	*o = oversized{string(d.Channel), string(d.Pattern), size}
	return false
}

// PayloadSize returns the bytes of payload in a frame of so many bytes, of which only
// the names need to be there.
func PayloadSize(d *resp.Delivery, frame int) int {
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
