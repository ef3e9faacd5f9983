package natsbridge

// What the subscriptions of NATS clients take: the server keeps them, and the relay what
// follows of them. They count towards limits.memory as those on the socket do.

import (
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
)

// Bytes of memory, about, as measured. Texts are those of the subject.
const (
	subjectBytes = 1000 // of a subject that some client listens to, in the server
	subjectTexts = 4
	channelBytes = 1400 // and of one that is a channel, here, in the hub and on the way to Redis
	channelTexts = 2
	anotherBytes = 700 // of each further subscription, in the server

	lookEvery   = 250 * time.Millisecond // between two looks how many those are
	relievedFor = 10 * time.Second       // what a client that was disconnected gives up is waited for
)

// memory counts what is kept for NATS clients. Everything but kept belongs to the loop.
type memory struct {
	// Fixed after construction.
	parts   Parts
	bounds  *hub.Bounds
	server  *embedded
	link    *link
	errands *errands
	stats   *Counters
	timer   *loop.Timer // for the next look

	kept      atomic.Int64 // bytes
	subjects  int          // that some client listens to
	others    int          // further subscriptions, as counted last
	relieving bool
}

// start begins to look after the server.
func (m *memory) start() {
	m.bounds.OnOtherExcess(m.relieve)
	again := func() { m.timer.Reset(lookEvery) }
	m.timer = m.parts.Loop.AfterFunc(lookEvery, func() { m.look(again) })
}

// keep says that so many bytes more are kept for NATS clients, or fewer.
func (m *memory) keep(bytes int) {
	m.kept.Add(int64(bytes))
	m.bounds.Other(int64(bytes))
}

// keepSubject counts a subject that the first client listens to, or, with -1, the last
// one not any more. Of queue groups the server tells more than that, so they count as
// further subscriptions. Clients of a cluster, which has no memory, are not counted.
func (m *memory) keepSubject(arg string, sign int) {
	if m != nil && !strings.Contains(arg, " ") {
		m.subjects += sign
		m.keep(sign * (subjectBytes + subjectTexts*len(arg)))
	}
}

// keepChannel counts what the relay keeps of one.
func (m *memory) keepChannel(subject string, sign int) {
	if m != nil {
		m.keep(sign * (channelBytes + channelTexts*len(subject)))
	}
}

// look counts the further subscriptions, and then calls done.
func (m *memory) look(done func()) {
	const own = 2 // of the link, for what clients publish
	m.errands.add(func() func() {
		all := int(m.server.NumSubscriptions())
		return func() {
			others := max(0, all-own-m.subjects)
			m.keep((others - m.others) * anotherBytes)
			m.others = others
			done()
		}
	}, nil)
}

// relieve disconnects the client with the most subscriptions. When all is known that it has given up,
// it looks whether that was enough.
func (m *memory) relieve() {
	if m.relieving {
		return
	}
	m.relieving = true
	relieved := func() {
		m.relieving = false
		m.bounds.Other(0)
	}
	m.errands.add(func() func() {
		m.kickLargest()
		return func() { m.link.ping(relievedFor, func(bool) { m.look(relieved) }) }
	}, nil)
}

// kickLargest is called in a goroutine.
func (m *memory) kickLargest() {
	c := m.server.largest()
	if c == nil || m.server.DisconnectClientByID(c.Cid) != nil {
		return
	}
	m.stats.large.Add(1)
	m.parts.Log.Warn("NATS client disconnected: limits.memory was exceeded, and it had the most subscriptions",
		zap.Uint64("client", c.Cid), zap.String("name", c.Name), zap.String("address", c.IP),
		zap.Uint32("subscriptions", c.NumSubs), zap.Int64("kept_bytes", m.kept.Load()))
}

func (m *memory) end() {
	if m != nil && m.timer != nil {
		m.timer.Stop()
	}
}
