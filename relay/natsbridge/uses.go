package natsbridge

// What the relay asks of a bridge.

import (
	"errors"
	"time"

	"redis-relay/relay/resp"
)

// Deliver queues a message for the NATS clients that listen to its channel, and
// reports whether it did: not if there are none, and not if it is a copy, for the
// channel and each pattern, of one that was delivered. It copies what it keeps.
func (b *Bridge) Deliver(d *resp.Delivery) bool {
	t := b.targets.of(d.Channel)
	if !t.heard || !t.first(b.targets.seed, d) {
		return false
	}
	if b.maxPayload > 0 && len(d.Payload)+headerRoom > b.maxPayload {
		b.out.tooLarge()
		return false
	}
	b.out.deliver(t.head, d.ID, d.Payload)
	return true
}

// HandOver has the Outbox take what was queued, messages and answers. Call it at the end of each turn,
// before the Flusher. It costs nothing when there is nothing.
func (b *Bridge) HandOver() { b.out.handOver() }

// Hears tells whether NATS clients listen to a channel.
func (b *Bridge) Hears(channel []byte) bool { return b.targets.of(channel).heard }

// Names tells whether NATS clients listen to a channel, at least one by its name.
func (b *Bridge) Names(channel []byte) bool { return b.targets.of(channel).named }

// Listeners counts the subscriptions of NATS clients that a message on a channel
// reaches. A cluster, which does not tell how many it has, is one.
func (b *Bridge) Listeners(channel []byte) int {
	t := b.targets.of(channel)
	if !t.heard {
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

// Disconnect disconnects the clients that listen to a name for which who reports
// true. It does not wait for that. who is called in a goroutine.
func (b *Bridge) Disconnect(who func(kind resp.Kind, name string) bool) {
	if b.server == nil {
		return // they are the cluster's
	}
	b.errands.add(func() func() {
		b.stats.gaps.Add(uint64(b.server.kick(who))) //nolint:gosec // not negative
		return nil
	}, nil)
}

// Refused says that Redis will not send a name any more, which it has sent. Who
// listens is disconnected: nothing else says that it does not hear any more.
func (b *Bridge) Refused(kind resp.Kind, text string, err error) {
	b.interests.onceRefused(kind, text, err, func(lost resp.Name) {
		b.Disconnect(func(kind resp.Kind, text string) bool { return lost == resp.Name{Kind: kind, Text: text} })
	})
}

// SetScopes says what may be listened to from now on. If that changes what the
// server allows, clients are disconnected, as by a reload of NATS itself: their
// libraries come back and subscribe again.
func (b *Bridge) SetScopes(scopes []Scope) {
	if p := permissions(scopes); b.server != nil && !samePermissions(p, b.server.clients.Load()) {
		b.server.clients.Store(p)
		b.errands.add(func() func() {
			b.server.kick(nil)
			return nil
		}, nil)
	}
	b.interests.sortOut()
}

// SetLimits changes the limits; connections stay, but for those of clients that give a
// user's name. What the server cannot change while it runs stays as it was, and the
// error names it; the rest holds when done is called, once. The loop calls it, or, if that has ended
// meanwhile, another goroutine.
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
	b.errands.add(func() func() {
		err := errors.Join(stays, b.server.ReloadOptions(o))
		return func() { done(err) }
	}, func() { done(nil) })
}

// Ping calls done when the server has dealt with all that was delivered before, and the bridge with all
// that the server had sent by then; or with false when it came to that not in time, or not at all.
func (b *Bridge) Ping(timeout time.Duration, done func(answered bool)) {
	b.HandOver()
	b.link.ping(timeout, done)
}

// Await is Ping for other goroutines: it waits.
func (b *Bridge) Await(timeout time.Duration) (answered bool) {
	result := make(chan bool, 1)
	if !b.parts.Loop.Post(func() { b.Ping(timeout, func(ok bool) { result <- ok }) }) {
		return false
	}
	timer := time.NewTimer(timeout + loopsGrace)
	defer timer.Stop()
	select {
	case answered = <-result:
	case <-timer.C: // the loop has ended meanwhile
	}
	return answered
}

// Settled tells whether Redis has answered for all that is listened to.
func (b *Bridge) Settled() bool { return b.interests.settled() }

// Leave lets go of what was listened to. Call it when Run has returned, and not after New.
func (b *Bridge) Leave() { b.interests.leaveAll() }
