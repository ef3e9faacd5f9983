package policy

// Receiving: the verdict on a message from Redis. One message may come several times: once for its channel, and
// once for each pattern.

import (
	"strconv"

	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// LastMessage holds the message that came last from one source, with its verdict. A message that also matches
// patterns comes several times in a row, but is judged, counted and reported once.
type LastMessage struct {
	route   *route.Route
	channel []byte
	pattern []byte // that brought the first copy; nil: the channel did
	payload []byte
	verdict Verdict

	refused oversized

	memory   []byte // of its own, for slices that outlive the memory of messages
	detached bool   // the slices point into memory
}

// maxDetached is the most bytes that Detach copies. Copies of a larger message that come after Detach are judged
// again.
const maxDetached = 64 << 10

// Verdicts that many messages share. They must not be changed.
var (
	passes        Verdict
	closed        = Verdict{Refusal: &Refusal{Code: Denied}, Silent: true}
	oversizedCopy = Verdict{Refusal: &Refusal{Code: TooLarge}} // of a further copy
)

// Judge returns the verdict on a message on a channel of rt. isCopy says that the message is a further copy of the
// last one, whose verdict was acted on already. The verdict is valid until the next call.
func (l *LastMessage) Judge(now *Rules, rt *route.Route, d *resp.Delivery) (v *Verdict, isCopy bool) {
	if size := len(d.Payload); size > now.maxPayload {
		refusal := l.TooLarge(now, d, size)
		if refusal == nil {
			return &oversizedCopy, true
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

// receive judges a message in one pass over it.
func (r *Rules) receive(v *Verdict, rt *route.Route, d *resp.Delivery) {
	if !rt.Subscribe {
		*v = closed
		return
	}
	r.judge(v, rt, inbound, d.Channel, d.Payload)
}

// isCopy reports whether d is a further copy of the last message, from a pattern.
func (l *LastMessage) isCopy(rt *route.Route, d *resp.Delivery) bool {
	return d.Kind == resp.PMessage && l.route == rt && string(l.pattern) != string(d.Pattern) &&
		string(l.channel) == string(d.Channel) && string(l.payload) == string(d.Payload)
}

// begin makes d the last message.
func (l *LastMessage) begin(rt *route.Route, d *resp.Delivery) {
	l.route, l.channel, l.pattern, l.payload = rt, d.Channel, d.Pattern, d.Payload
	l.verdict, l.detached = Verdict{}, false
}

// Detach makes l independent of the memory of messages, which may be used again.
func (l *LastMessage) Detach() {
	switch {
	case l.detached || l.route == nil:
		return
	case len(l.channel)+len(l.pattern)+len(l.payload) > maxDetached:
		*l = LastMessage{refused: l.refused, memory: l.memory}
		return
	}
	l.memory, l.detached = l.memory[:0], true
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

// TooLarge refuses a message whose payload of size bytes is over limits.payload. It returns nil for a further copy.
func (l *LastMessage) TooLarge(now *Rules, d *resp.Delivery, size int) *Refusal {
	if l.refused.isCopy(d, size) {
		return nil
	}
	return now.tooLarge(d.Channel, size, " from Redis")
}

// LongName refuses a message on a channel whose name is over limits.name: only patterns match it. It returns nil
// for a further copy.
func (l *LastMessage) LongName(now *Rules, d *resp.Delivery, size int) *Refusal {
	if l.refused.isCopy(d, size) {
		return nil
	}
	return now.LongName(d.Channel)
}

// oversized identifies the last message over limits.payload, or on a channel over limits.name. The payload may not
// have been read, so copies are recognised by channel and size.
type oversized struct {
	channel string
	pattern string // that brought the first copy; empty: the channel did
	size    int    // bytes of the payload
}

// isCopy reports whether a message with a payload of size bytes is a further copy of the last one. If not, it
// becomes the last one.
func (o *oversized) isCopy(d *resp.Delivery, size int) bool {
	if d.Kind == resp.PMessage && o.pattern != string(d.Pattern) && o.channel == string(d.Channel) && o.size == size {
		return true
	}
	*o = oversized{string(d.Channel), string(d.Pattern), size}
	return false
}

// PayloadSize returns the size of the payload in a frame of so many bytes. Of d, only the names need to have been
// read.
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

// bulkSize returns the size of a bulk string of n bytes, including its length and line ends.
func bulkSize(n int) int { return len("$\r\n\r\n") + len(strconv.Itoa(n)) + n }
