package natsbridge

// The methods that the relay calls on a bridge while it runs.

import (
	"errors"
	"time"

	"redis-relay/relay/resp"
)

// Deliver queues a message for the NATS clients that listen to its channel, and reports whether it did. It does not
// if there are no such clients, or if the message is a further copy of one that was delivered: Redis sends one for
// the channel and one for each pattern. It does not keep d.
func (b *Bridge) Deliver(d *resp.Delivery) bool {
	t := b.targets.lookup(d.Channel)
	if !t.hasListeners || !t.first(b.targets.seed, d) {
		return false
	}
	if b.maxPayload > 0 && len(d.Payload)+headerRoom > b.maxPayload {
		b.out.tooLarge()
		return false
	}
	b.out.deliver(t.head, d.ID, d.Payload)
	return true
}

// HandOver passes the queued messages and answers to the Outbox. Call it at the end of each turn, before the
// Flusher. It costs nothing if nothing is queued.
func (b *Bridge) HandOver() { b.out.handOver() }

// HasListeners reports whether NATS clients listen to a channel.
func (b *Bridge) HasListeners(channel []byte) bool { return b.targets.lookup(channel).hasListeners }

// HasNamedListeners reports whether a NATS client listens to a channel without wildcards.
func (b *Bridge) HasNamedListeners(channel []byte) bool { return b.targets.lookup(channel).byName }

// Listeners counts the subscriptions of NATS clients that a message on a channel reaches. A cluster does not report
// its number, and counts as one.
func (b *Bridge) Listeners(channel []byte) int {
	t := b.targets.lookup(channel)
	if !t.hasListeners {
		return 0
	}
	if b.server == nil {
		return 1
	}
	subject, err := Subject(channel)
	if err != nil {
		return 0
	}
	return b.server.listeners(t, subject)
}

// Disconnect disconnects the clients that listen to a name for which match returns true. It does not wait until
// that is done. match is called in a goroutine.
func (b *Bridge) Disconnect(match func(kind resp.Kind, name string) bool) {
	if b.server == nil {
		return // a cluster's clients are not ours
	}
	b.tasks.add(func() func() {
		b.stats.gaps.Add(uint64(b.server.disconnect(match))) //nolint:gosec // not negative
		return nil
	}, nil)
}

// Refused tells the bridge that Redis stops sending a name. The clients that listen to it are disconnected, because
// NATS has no other way to tell them.
func (b *Bridge) Refused(kind resp.Kind, text string, err error) {
	b.interests.revokeLater(kind, text, err, func(lost resp.Name) {
		b.Disconnect(func(kind resp.Kind, text string) bool { return lost == resp.Name{Kind: kind, Text: text} })
	})
}

// SetAccess sets which channels clients may listen to from now on. If that changes the server's permissions, all
// clients are disconnected, as by a reload of NATS itself: their libraries reconnect and subscribe again.
func (b *Bridge) SetAccess(access []PrefixAccess) {
	if p := permissions(access); b.server != nil && !samePermissions(p, b.server.clients.Load()) {
		b.server.clients.Store(p)
		b.tasks.add(func() func() {
			b.server.disconnect(nil)
			return nil
		}, nil)
	}
	b.interests.recheck()
}

// SetLimits changes the limits. Clients stay connected, except those that give a user name. done is called once,
// when the new limits are in force; its error names the limits that the server cannot change while it runs. The
// loop calls done, or another goroutine if the loop has ended.
func (b *Bridge) SetLimits(l Limits, done func(error)) {
	switch {
	case b.server == nil:
		b.setBounds(l)
		done(nil)
		return
	case l == b.limits:
		done(nil)
		return
	}
	b.limits = l
	o, payload, stays := b.server.change(l)
	l.Payload = payload
	b.setBounds(l)
	b.tasks.add(func() func() {
		err := errors.Join(stays, b.server.ReloadOptions(o))
		return func() { done(err) }
	}, func() { done(nil) })
}

// Ping calls done(true) once the server has processed all that was delivered before, and the bridge has processed
// all that the server had sent by then. It calls done(false) if that takes longer than timeout, or the connection
// has ended.
func (b *Bridge) Ping(timeout time.Duration, done func(answered bool)) {
	b.HandOver()
	b.conn.ping(timeout, done)
}

// Await is Ping for other goroutines: it blocks until there is an answer.
func (b *Bridge) Await(timeout time.Duration) (answered bool) {
	result := make(chan bool, 1)
	if !b.parts.Loop.Post(func() { b.Ping(timeout, func(ok bool) { result <- ok }) }) {
		return false
	}
	timer := time.NewTimer(timeout + loopGrace)
	defer timer.Stop()
	select {
	case answered = <-result:
	case <-timer.C: // the loop has ended
	}
	return answered
}

// Confirmed reports whether Redis has answered for all names that clients listen to.
func (b *Bridge) Confirmed() bool { return b.interests.confirmed() }

// Unsubscribe ends all subscriptions at the hub. Call it after Run of an attached bridge has returned.
func (b *Bridge) Unsubscribe() { b.interests.unsubscribeAll() }
