package natsbridge

// Output to the server: the messages and answers of a turn, written together.

import (
	"strconv"
	"time"

	"redis-relay/relay/resp"
)

const (
	maxKept    = 256 << 10 // bytes of the largest batch whose memory is used again
	headerRoom = 128       // bytes of a message's headers, at most

	// idHeader carries the ID of a message with history.
	idHeader = "Relay-Id"
)

// output collects what goes to the server, and passes it to the connection's Outbox. It belongs to the loop.
type output struct {
	// Fixed after construction.
	parts Parts
	conn  *connection
	stats *Counters
	leads func() bool // Cluster.Leads; nil: always true

	batch    []byte    // not in the Outbox yet
	handed   []byte    // the batch that the Outbox has; nil: none, or one too large to be used again
	spare    []byte    // the memory of an earlier batch, for the next one
	messages int       // the number of messages in batch
	missed   int       // messages that the Outbox did not accept, and that were not reported yet
	since    time.Time // of the first of missed
}

// deliver queues a message; head ends with a space.
func (o *output) deliver(head []byte, id resp.EntryID, payload []byte) {
	o.batch = appendMessage(o.batch, head, id, payload)
	o.messages++
}

// handOver passes the batch to the Outbox.
func (o *output) handOver() {
	batch, n := o.batch, o.messages
	if len(batch) == 0 {
		return
	}
	o.messages = 0
	if o.leads != nil && !o.leads() || !o.conn.out.Append(batch) {
		o.batch = batch[:0]
		o.miss(n)
		return
	}
	o.batch, o.spare, o.handed = o.spare, nil, nil
	if cap(batch) <= maxKept {
		o.handed = batch
	}
	o.stats.delivered.Add(uint64(n)) //nolint:gosec // not negative
	if o.missed > 0 {
		o.tellMissed()
	}
}

// written is called when the Outbox has written everything.
func (o *output) written() {
	if o.handed != nil {
		o.spare, o.handed = o.handed[:0], nil
	}
}

// miss counts messages for which the server is too far behind.
func (o *output) miss(n int) {
	if o.missed == 0 {
		o.since = time.Now()
	}
	o.missed += n
	o.stats.dropped.Add(uint64(n)) //nolint:gosec // not negative
}

// tellMissed reports the missed messages, once the server accepts messages again.
func (o *output) tellMissed() {
	n, since, until := o.missed, o.since, time.Now()
	o.missed = 0
	o.parts.Loop.Post(func() { o.parts.Backend.Missed(since, until, n) })
}

// tooLarge counts and reports a message that is larger than the cluster accepts.
func (o *output) tooLarge() {
	o.stats.dropped.Add(1)
	now := time.Now()
	o.parts.Loop.Post(func() { o.parts.Backend.Missed(now, now, 1) })
}

// appendMessage appends a message for the server; head ends with a space.
func appendMessage(b, head []byte, id resp.EntryID, payload []byte) []byte {
	if id == (resp.EntryID{}) {
		b = append(append(b, "LMSG "...), head...)
		b = strconv.AppendInt(b, int64(len(payload)), 10)
		b = append(append(b, lineEnd...), payload...)
		return append(b, lineEnd...)
	}
	text := strconv.FormatUint(id.Ms, 10) + "-" + strconv.FormatUint(id.Seq, 10)
	return appendWithHeaders(b, head, payload, header{idHeader, text})
}

type header struct{ name, value string }

// appendWithHeaders appends a message with headers.
func appendWithHeaders(b, head, payload []byte, headers ...header) []byte {
	var buf [256]byte
	text := append(buf[:0], "NATS/1.0\r\n"...)
	for _, h := range headers {
		text = append(append(append(append(text, h.name...), ": "...), h.value...), lineEnd...)
	}
	text = append(text, lineEnd...)
	b = append(append(b, "HMSG "...), head...)
	b = append(strconv.AppendInt(b, int64(len(text)), 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(text)+len(payload)), 10), lineEnd...)
	b = append(append(b, text...), payload...)
	return append(b, lineEnd...)
}
