package natsbridge

// What the subscriptions of NATS clients take: the server keeps them, and the relay what
// follows of them. They count towards limits.memory as those on the socket do.

import (
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
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

// keep says that so many bytes more are kept for NATS clients, or fewer.
func (b *Bridge) keep(bytes int) {
	if b.opts.Memory == nil {
		return // they are the cluster's clients
	}
	b.kept.Add(int64(bytes))
	b.opts.Memory.Other(int64(bytes))
}

// keepSubject counts a subject that the first client listens to, or, with -1, the last
// one not any more. Of queue groups the server tells more than that, so they count as
// further subscriptions.
func (b *Bridge) keepSubject(arg string, sign int) {
	if !strings.Contains(arg, " ") {
		b.subjects.Add(int64(sign))
		b.keep(sign * (subjectBytes + subjectTexts*len(arg)))
	}
}

// keepChannel counts what the relay keeps of one.
func (b *Bridge) keepChannel(subject string, sign int) {
	b.keep(sign * (channelBytes + channelTexts*len(subject)))
}

// look counts the further subscriptions. One goroutine calls it.
func (b *Bridge) look() {
	if b.opts.Memory == nil {
		return
	}
	const own = 2 // of the link, for what clients publish
	others := max(0, int64(b.server.NumSubscriptions())-own-b.subjects.Load())
	b.keep(int(others-b.others) * anotherBytes)
	b.others = others
}

// relieve disconnects the client with the most subscriptions. It returns at once.
func (b *Bridge) relieve() {
	if b.relieving.CompareAndSwap(false, true) {
		b.writers.Go(func() {
			b.kickLargest()
			b.relieved()
		})
	}
}

// relieved waits until all is known that the client has given up, and looks whether that
// was enough.
func (b *Bridge) relieved() {
	b.link.barrier(relievedFor, b.ended)
	b.later(func() {
		b.look()
		b.relieving.Store(false)
		b.opts.Memory.Other(0)
	})
}

func (b *Bridge) kickLargest() {
	const some = 8 // more than what are no clients
	z, err := b.server.Connz(&server.ConnzOptions{Sort: server.BySubs, Limit: some})
	if err != nil {
		return // the server ends
	}
	for _, c := range z.Conns {
		if c.Kind == "Client" && c.NumSubs > 0 && b.server.DisconnectClientByID(c.Cid) == nil {
			b.stats.large.Add(1)
			b.log.Warn("NATS client disconnected: limits.memory was exceeded, and it had the most subscriptions",
				zap.Uint64("client", c.Cid), zap.String("name", c.Name), zap.String("address", c.IP),
				zap.Uint32("subscriptions", c.NumSubs), zap.Int64("kept_bytes", b.kept.Load()))
			return
		}
	}
}
