package relay

// From Redis to local listeners.

import (
	"bytes"
	"fmt"

	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// Deliver takes a message from Redis: finds its route, checks it and queues it
// for its listeners. Nothing is written before Flush. It is upstream.Sink.
func (r *Relay) Deliver(d *resp.Delivery) {
	if route.IsReserved(d.Channel) {
		return // another relay's own, caught by a pattern
	}
	now := r.rules.Load()
	rt := now.table.Lookup(d.Channel)
	counters := now.counters[rt.Index]
	counters.Received.Inc()
	if !rt.Subscribe {
		counters.Rejected(monitor.Inbound, string(Denied)).Inc()
		return
	}
	kind, err := r.verdict.of(rt, d)
	if err != nil {
		r.reject(monitor.Inbound, rt, counters, &Refusal{Invalid, string(d.Channel), err.Error()}, len(d.Payload))
		if !rt.LogInvalid {
			return
		}
	}
	name := d.Channel
	if d.Kind == resp.PMessage {
		name = d.Pattern
	}
	listeners := r.hub.Deliver(d.Kind, name, d.Frame, mode(rt.PolicyOf(kind)))
	counters.Delivered.Add(float64(listeners))
}

// TooLarge reports a message from Redis that is over limits.payload.
func (r *Relay) TooLarge(d *resp.Delivery, size int64) {
	now := r.rules.Load()
	rt := now.table.Lookup(d.Channel)
	counters := now.counters[rt.Index]
	counters.Received.Inc()
	reason := fmt.Sprintf("a message of %d bytes from Redis is over limits.payload (%d)", size, r.limits.Payload.Load())
	r.reject(monitor.Inbound, rt, counters, &Refusal{TooLarge, string(d.Channel), reason}, int(size))
}

// Flush writes to the listeners what Deliver has queued.
func (r *Relay) Flush() { r.hub.Flush() }

// verdict remembers the last judgement: a message that also matches patterns
// comes several times in a row, and is checked once. Owned by the goroutine that
// reads from Redis.
type verdict struct {
	route   *route.Route
	channel []byte
	payload []byte
	kind    []byte
	err     error
}

func (v *verdict) of(rt *route.Route, d *resp.Delivery) (kind []byte, err error) {
	if rt.Checker == nil {
		return nil, nil
	}
	if v.route == rt && d.Kind == resp.PMessage && bytes.Equal(v.channel, d.Channel) &&
		bytes.Equal(v.payload, d.Payload) {
		return v.kind, v.err
	}
	kind, err = rt.Checker.Check(d.Payload)
	*v = verdict{rt, d.Channel, d.Payload, kind, err}
	return kind, err
}
