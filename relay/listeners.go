package relay

// The local listeners, as history sees them.

import (
	"sync/atomic"
	"time"

	"redis-relay/relay/checks"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// listeners is history.Listeners of one upstream. It belongs to the loop.
type listeners struct {
	*side
	rules   *atomic.Pointer[rules]
	readers *hub.Listener // the clients that wait for entries
	checks  *checks.Pool
	gaps    *gaps
}

// Deliver goes the way of every message from Redis.
func (l *listeners) Deliver(d *resp.Delivery) { l.inbound.deliverStored(d) }

// Names tells who hears a channel: nobody, if it is on another upstream.
func (l *listeners) Names(channel string) (exact bool, patterns []string) {
	if rt := l.rules.Load().Route([]byte(channel)); !rt.Upstream.Hears(l.index) {
		return false, nil
	}
	return l.hub.Subscribers([]byte(channel))
}

// IsSent tells whether Redis sends a channel.
func (l *listeners) IsSent(channel string) bool { return l.hub.IsSent([]byte(channel)) }

// Patterns lists the patterns that may match a channel with history.
func (l *listeners) Patterns() (list []string) {
	now := l.rules.Load()
	for _, p := range l.hub.Names(resp.PMessage) {
		if now.MayHaveHistory(l.index, resp.PMessage, p) {
			list = append(list, p)
		}
	}
	return list
}

// StreamTTL tells how long a stream is kept after its last entry; 0: for ever.
func (l *listeners) StreamTTL(channel string) time.Duration {
	return l.rules.Load().Route([]byte(channel)).HistoryTTL()
}

// patience is how long a heal waits for a listener that takes nothing.
const patience = 2 * time.Second

// Room tells how much of a channel its listeners take. What is still to be checked
// has not reached them.
func (l *listeners) Room(channel string) (bytes int, empty bool) {
	if l.checks.HasWaiting([]byte(channel)) {
		return 0, false
	}
	return l.hub.Room([]byte(channel), patience)
}

// Subscribe keeps a channel subscribed for readers.
func (l *listeners) Subscribe(channel string, done func(refused error)) {
	l.hub.Subscribe(l.readers, resp.Message, []string{channel}, done)
}

// Unsubscribe ends Subscribe.
func (l *listeners) Unsubscribe(channel string) {
	l.hub.Unsubscribe(l.readers, resp.Message, []string{channel}, func() {})
}

// Missed tells of messages that could not be had back, in the way the route asks
// for.
func (l *listeners) Missed(g history.Gap) { l.gaps.unhealed(l.side, g) }

var _ history.Listeners = (*listeners)(nil)
