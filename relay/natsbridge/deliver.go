package natsbridge

// Which NATS clients a channel has, and whether a message is the first copy of a publish.

import (
	"hash/maphash"
	"slices"

	"redis-relay/relay/resp"
)

const maxTargets = 8 << 20 // bytes that remembered channels take, about

// target is a channel as NATS clients see it.
type target struct {
	generation   uint64 // of the subscriptions from which the next four were computed
	hasListeners bool   // some client listens
	byName       bool   // some client listens without wildcards
	overlaps     bool   // several subjects match the channel
	head         []byte // subject and queue groups, as a message to the server begins

	sent []copies // by upstream: each sends the copies of its own publishes

	count matchCount
}

// copies is what has come of the last message of one upstream.
type copies struct {
	last message
	seen []uint64 // hashes of the patterns that have brought a copy of last
}

// message identifies one publish among its neighbours.
type message struct {
	hash  uint64 // of the payload
	id    resp.EntryID
	epoch uint64
}

// targets remembers channels as NATS clients see them. It belongs to the loop.
type targets struct {
	subs  *subscriptions // fixed after construction
	seed  maphash.Seed   // fixed after construction
	known map[string]*target
	bytes int // of known
}

func newTargets(subs *subscriptions) *targets {
	return &targets{subs: subs, seed: maphash.MakeSeed(), known: map[string]*target{}}
}

// lookup returns the target of a channel, up to date with the subscriptions.
func (l *targets) lookup(channel []byte) *target {
	t := l.known[string(channel)]
	if t == nil {
		const each, texts = 256, 4 // bytes of a target itself; its channel, and its subject, which may be longer
		if l.bytes += each + texts*len(channel); l.bytes > maxTargets {
			clear(l.known)
			l.bytes = 0
		}
		t = &target{generation: l.subs.generation - 1}
		l.known[string(channel)] = t
	}
	if t.generation != l.subs.generation {
		t.generation = l.subs.generation
		t.refresh(l.subs, channel)
	}
	return t
}

// refresh computes who listens to a channel.
func (t *target) refresh(subs *subscriptions, channel []byte) {
	t.hasListeners, t.byName, t.overlaps, t.head = false, false, false, t.head[:0]
	subject, err := Subject(channel)
	if err != nil {
		return
	}
	var queues []string
	var first string
	subs.list.Match(subject, func(s subscription) {
		if first == "" {
			first = s.subject
		}
		t.overlaps = t.overlaps || s.subject != first
		if s.denied {
			return
		}
		t.hasListeners, t.byName = true, t.byName || s.subject == subject
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

// first reports whether a message is the first copy of a publish. Redis sends the copies one after the other: the
// channel's own first, then one for each pattern. So a second copy from the same source is the next publish.
func (t *target) first(seed maphash.Seed, d *resp.Delivery) bool {
	m := message{maphash.Bytes(seed, d.Payload), d.ID, d.Epoch}
	isEntry := d.ID != resp.EntryID{}
	if isEntry {
		m.epoch = 0 // a copy that a lost connection lacked comes with the next
	}
	for len(t.sent) <= d.Upstream {
		t.sent = append(t.sent, copies{})
	}
	c := &t.sent[d.Upstream]
	same := c.last == m
	c.last = m
	if isEntry && same {
		return false
	}
	if d.Kind == resp.Message {
		c.seen = c.seen[:0]
		return true
	}
	source := maphash.Bytes(seed, d.Pattern)
	if same && !slices.Contains(c.seen, source) {
		c.seen = append(c.seen, source)
		return false
	}
	c.seen = append(c.seen[:0], source)
	return true
}
