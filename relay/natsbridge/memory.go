package natsbridge

// The memory that subscriptions of NATS clients take, in the server and in the relay. It counts towards
// limits.memory, as that of clients on the socket does.

import (
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
)

// Bytes of memory, about, as measured. Those named Texts are per byte of the subject.
const (
	subjectBytes = 1000 // for a subject that some client listens to, in the server
	subjectTexts = 4
	channelBytes = 1400 // in addition if the subject is a channel: here, in the hub and on the way to Redis
	channelTexts = 2
	anotherBytes = 700 // for each further subscription, in the server

	recountInterval = 250 * time.Millisecond // between two counts of further subscriptions
	relievedFor     = 10 * time.Second       // the longest wait for the unsubscriptions of a disconnected client
)

// memory charges hub.Bounds for subscriptions of NATS clients. Everything but charged belongs to the loop.
type memory struct {
	// Fixed after construction.
	parts  Parts
	bounds *hub.Bounds
	server *embedded
	conn   *connection
	tasks  *tasks
	stats  *Counters
	timer  *loop.Timer // for the next recount

	charged   atomic.Int64 // bytes
	subjects  int          // that some client listens to
	others    int          // further subscriptions, as counted last
	relieving bool         // a client was disconnected, and its unsubscriptions are pending
}

// start begins to count.
func (m *memory) start() {
	m.bounds.OnOtherExcess(m.relieve)
	again := func() { m.timer.Reset(recountInterval) }
	m.timer = m.parts.Loop.AfterFunc(recountInterval, func() { m.recount(again) })
}

// charge charges so many bytes more for NATS clients, or fewer if bytes is negative.
func (m *memory) charge(bytes int) {
	m.charged.Add(int64(bytes))
	m.bounds.Other(int64(bytes))
}

// chargeSubject charges a subject with sign 1, when its first client subscribes, and discharges it with sign -1,
// when its last client unsubscribes. Subscriptions in queue groups count as further subscriptions. On a nil memory,
// as a cluster has, it does nothing.
func (m *memory) chargeSubject(arg string, sign int) {
	if m != nil && !strings.Contains(arg, " ") {
		m.subjects += sign
		m.charge(sign * (subjectBytes + subjectTexts*len(arg)))
	}
}

// chargeChannel charges or discharges what the relay itself needs for a subject.
func (m *memory) chargeChannel(subject string, sign int) {
	if m != nil {
		m.charge(sign * (channelBytes + channelTexts*len(subject)))
	}
}

// recount counts the further subscriptions, and then calls done.
func (m *memory) recount(done func()) {
	const own = 2 // the bridge's own subscriptions, to what clients publish
	m.tasks.add(func() func() {
		all := int(m.server.NumSubscriptions())
		return func() {
			others := max(0, all-own-m.subjects)
			m.charge((others - m.others) * anotherBytes)
			m.others = others
			done()
		}
	}, nil)
}

// relieve disconnects the client with the most subscriptions. Once the client's subscriptions are gone, it checks
// limits.memory again.
func (m *memory) relieve() {
	if m.relieving {
		return
	}
	m.relieving = true
	relieved := func() {
		m.relieving = false
		m.bounds.Other(0)
	}
	m.tasks.add(func() func() {
		m.disconnectLargest()
		return func() { m.conn.ping(relievedFor, func(bool) { m.recount(relieved) }) }
	}, nil)
}

// disconnectLargest disconnects the client with the most subscriptions. It runs in a goroutine.
//
// nats-server 2.15 closes the client here while its own goroutine may be carrying out a SUB. Then it may count the end
// of that subscription before its beginning, and never reports the subject as free. It cannot be told otherwise: to
// drop the subject here would leave a later client deaf, since the server would not report it again.
func (m *memory) disconnectLargest() {
	c := m.server.largest()
	if c == nil || m.server.DisconnectClientByID(c.Cid) != nil {
		return
	}
	m.stats.large.Add(1)
	m.parts.Log.Warn("NATS client disconnected: limits.memory was exceeded, and it had the most subscriptions",
		zap.Uint64("client", c.Cid), zap.String("name", c.Name), zap.String("address", c.IP),
		zap.Uint32("subscriptions", c.NumSubs), zap.Int64("kept_bytes", m.charged.Load()))
}

func (m *memory) end() {
	if m != nil && m.timer != nil {
		m.timer.Stop()
	}
}
