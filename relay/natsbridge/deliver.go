package natsbridge

// From the relay to NATS clients.

import (
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"redis-relay/relay/resp"
)

const (
	maxTargets = 8 << 20   // bytes of channels remembered, about
	maxKept    = 256 << 10 // bytes of a batch's memory that is used again
	maxCounted = 1024      // subscriptions that may be gone through to count some: 0.2 ms

	headerRoom = 128 // bytes of a message's headers, at most

	// idHeader carries the ID of a message with history.
	idHeader = "Relay-Id"
)

// target is a channel as NATS clients see it. Guarded by Bridge.mu.
type target struct {
	generation uint64 // of Bridge.list, for which the next four hold
	heard      bool   // somebody listens
	named      bool   // and not by wildcards alone
	overlaps   bool   // by subscriptions to several subjects
	head       []byte // subject and queue groups, as a message to the server begins

	last message
	seen []uint64 // patterns that have brought a copy of last

	count census
}

// census is how many subscriptions a message reaches, for one state of the server's.
type census struct {
	inserts, removes uint64
	listeners        int
}

// message tells one publish from the next.
type message struct {
	hash  uint64 // of the payload
	id    resp.EntryID
	epoch uint64
}

// Deliver queues a message for the NATS clients that listen to its channel, and
// reports whether it did: not if there are none, and not if it is a copy, for the
// channel and each pattern, of one that was delivered. Nothing is sent before Flush.
func (b *Bridge) Deliver(d *resp.Delivery) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.targetLocked(d.Channel)
	if !t.heard || !t.first(b.seed, d) {
		return false
	}
	if b.maxPayload > 0 && len(d.Payload)+headerRoom > b.maxPayload {
		b.tooLarge()
		return false
	}
	b.batch = appendMessage(b.batch, t.head, d.ID, d.Payload)
	b.messages++
	return true
}

// Hears tells whether NATS clients listen to a channel.
func (b *Bridge) Hears(channel []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.targetLocked(channel).heard
}

// Names tells whether NATS clients listen to a channel, at least one by its name.
func (b *Bridge) Names(channel []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.targetLocked(channel).named
}

// Listeners counts the subscriptions of NATS clients that a message on a channel
// reaches.
func (b *Bridge) Listeners(channel []byte) int {
	b.mu.Lock()
	t := b.targetLocked(channel)
	heard, overlaps, known := t.heard, t.overlaps, t.count
	b.mu.Unlock()
	if !heard {
		return 0
	}
	subject, err := Subject(channel)
	if err != nil {
		return 0
	}
	if b.server == nil {
		return 1 // how many there are the cluster does not tell
	}
	if overlaps {
		if now, ok := b.countOverlapping(subject, known); ok {
			b.mu.Lock()
			b.targetLocked(channel).count = now
			b.mu.Unlock()
			return now.listeners
		}
	}
	return b.server.GlobalAccount().Interest(subject)
}

// countOverlapping counts where the server's Interest does not: of subscriptions to
// several subjects (chat.42, chat.>) it counts those to one, unless it has lately matched
// a message. The server has to go through all that there are, so that is done only when
// they have changed, and reports false if they are too many.
func (b *Bridge) countOverlapping(subject string, known census) (now census, ok bool) {
	z, err := b.server.Subsz(nil)
	if err != nil {
		return now, false
	}
	now = census{inserts: z.NumInserts, removes: z.NumRemoves, listeners: known.listeners}
	if now == known {
		return now, true
	}
	if z.NumSubs > maxCounted {
		return now, false
	}
	z, err = b.server.Subsz(&server.SubszOptions{Subscriptions: true, Test: subject, Limit: 1})
	if err != nil {
		return now, false
	}
	now.listeners = z.Total
	return now, true
}

// targetLocked finds a channel, and asks the list again if that has changed.
func (b *Bridge) targetLocked(channel []byte) *target {
	t := b.targets[string(channel)]
	if t == nil {
		const each, texts = 256, 4 // bytes of a target itself; its channel, and its subject, which may be longer
		if b.targetBytes += each + texts*len(channel); b.targetBytes > maxTargets {
			clear(b.targets)
			b.targetBytes = 0
		}
		t = &target{generation: b.generation - 1}
		b.targets[string(channel)] = t
	}
	if t.generation != b.generation {
		t.generation = b.generation
		b.lookLocked(t, channel)
	}
	return t
}

func (b *Bridge) lookLocked(t *target, channel []byte) {
	t.heard, t.named, t.overlaps, t.head = false, false, false, t.head[:0]
	subject, err := Subject(channel)
	if err != nil {
		return
	}
	var queues []string
	var first string
	b.list.Match(subject, func(s subscription) {
		if first == "" {
			first = s.subject
		}
		t.overlaps = t.overlaps || s.subject != first
		if s.barred {
			return
		}
		t.heard, t.named = true, t.named || s.subject == subject
		if s.queue != "" && !slices.Contains(queues, s.queue) {
			queues = append(queues, s.queue)
		}
	})
	t.head = append(append(t.head, subject...), ' ')
	if len(queues) > 0 {
		t.head = append(t.head, "| "...)
	}
	for _, q := range queues {
		t.head = append(append(t.head, q...), ' ')
	}
}

// first tells whether a message is the first copy of a publish. Redis sends the
// copies one behind the other, the channel's own before those of patterns, and one
// for each: a source that has brought this message already brings the next.
func (t *target) first(seed maphash.Seed, d *resp.Delivery) bool {
	m := message{maphash.Bytes(seed, d.Payload), d.ID, d.Epoch}
	isEntry := d.ID != resp.EntryID{}
	if isEntry {
		m.epoch = 0 // a copy that a lost connection lacked comes with the next
	}
	same := t.last == m
	t.last = m
	if isEntry && same {
		return false
	}
	if d.Kind == resp.Message {
		t.seen = t.seen[:0]
		return true
	}
	source := maphash.Bytes(seed, d.Pattern)
	if same && !slices.Contains(t.seen, source) {
		t.seen = append(t.seen, source)
		return false
	}
	t.seen = append(t.seen[:0], source)
	return true
}

// appendMessage appends a message for the server; head ends with a space.
func appendMessage(b, head []byte, id resp.EntryID, payload []byte) []byte {
	if id == (resp.EntryID{}) {
		b = append(append(b, "LMSG "...), head...)
		b = strconv.AppendInt(b, int64(len(payload)), 10)
		b = append(append(b, "\r\n"...), payload...)
		return append(b, "\r\n"...)
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
		text = append(append(append(append(text, h.name...), ": "...), h.value...), "\r\n"...)
	}
	text = append(text, "\r\n"...)
	b = append(append(b, "HMSG "...), head...)
	b = append(strconv.AppendInt(b, int64(len(text)), 10), ' ')
	b = append(strconv.AppendInt(b, int64(len(text)+len(payload)), 10), "\r\n"...)
	b = append(append(b, text...), payload...)
	return append(b, "\r\n"...)
}

// Flush sends what was queued, as far as the server takes it now.
func (b *Bridge) Flush() {
	batch := b.hand()
	if batch == nil {
		return
	}
	empty := b.link.out.Flush()
	if !empty || cap(batch) > maxKept {
		return // it is kept, or too much to keep
	}
	b.mu.Lock()
	b.spare = batch[:0]
	b.mu.Unlock()
}

// hand hands the batch to the Outbox, and returns it if that took it.
func (b *Bridge) hand() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch, n := b.batch, b.messages
	if len(batch) == 0 {
		return nil
	}
	b.messages = 0
	if b.holds != nil && !b.holds() || !b.link.out.Append(batch) {
		b.batch = batch[:0]
		b.missLocked(n)
		return nil
	}
	b.batch, b.spare = b.spare, nil
	b.stats.delivered.Add(uint64(n))
	if b.missed > 0 {
		b.tellMissedLocked()
	}
	return batch
}

// tooLarge counts and tells of a message that the cluster would end the connection
// for.
func (b *Bridge) tooLarge() {
	b.stats.dropped.Add(1)
	now := time.Now()
	b.later(func() { b.backend.Missed(now, now, 1) })
}

// missLocked counts what the server is too far behind for.
func (b *Bridge) missLocked(n int) {
	if b.missed == 0 {
		b.since = time.Now()
	}
	b.missed += n
	b.stats.dropped.Add(uint64(n))
}

// tellMissedLocked says, when the server takes messages again, that some are missing.
func (b *Bridge) tellMissedLocked() {
	n, since, until := b.missed, b.since, time.Now()
	b.missed = 0
	b.later(func() { b.backend.Missed(since, until, n) })
}
