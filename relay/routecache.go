package relay

// The route of neighbouring messages.

import (
	"bytes"

	"redis-relay/relay/monitor"
	"redis-relay/relay/route"
)

// routeCache is what neighbouring messages have in common, so that a burst on one
// channel, or on channels of one route, finds it once.
type routeCache struct {
	rules   *rules
	channel []byte // a copy
	route   *route.Route

	counters *monitor.Route

	// Not yet in counters: messages, and bytes of their payloads.
	received, receivedBytes   int
	delivered, deliveredBytes int
}

// enter makes channel the current one.
func (c *routeCache) enter(now *rules, channel []byte) {
	if c.rules == now && bytes.Equal(c.channel, channel) {
		return
	}
	c.rules, c.channel, c.route = now, append(c.channel[:0], channel...), now.Route(channel)
	if counters := now.counters[c.route.Index]; counters != c.counters {
		c.count()
		c.counters = counters
	}
}

// count brings the counters up to date.
func (c *routeCache) count() {
	if c.received > 0 {
		c.counters.Received.Add(c.received, c.receivedBytes)
		c.counters.Delivered.Add(c.delivered, c.deliveredBytes)
		c.received, c.receivedBytes, c.delivered, c.deliveredBytes = 0, 0, 0, 0
	}
}
