package relay

// The path out: from a local client to Redis.

import (
	"bytes"
	"cmp"
	"sync/atomic"
	"time"

	"redis-relay/relay/checks"
	"redis-relay/relay/deadletter"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/names"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/traces"
	"redis-relay/relay/watch"
)

// outbound takes what local clients publish. It is respserver.Publisher, and belongs to the loop.
type outbound struct {
	// Fixed after construction.
	loop       *loop.Loop
	replyTimes *monitor.Histogram
	rules      *atomic.Pointer[rules]
	sides      sides
	mirrors    *mirrors
	checks     *checks.Pool
	outlets    *outlets
	teller     *notice.Teller
	traces     *traces.Tracer // nil: off
	viewers    *watch.Viewers
	watch      *watch.Watch
	dead       *deadLetters

	lastName string // channel of the last publish
}

// Publish has a message judged and sends it to Redis, from where it comes back to the
// listeners of this host as to all others.
func (o *outbound) Publish(p respserver.Publication, receipt respserver.Receipt) (checking bool, err error) {
	if o.traces != nil {
		return o.publishTraced(p, receipt)
	}
	return o.publish(p, receipt)
}

func (o *outbound) publish(p respserver.Publication, receipt respserver.Receipt) (checking bool, err error) {
	now := o.rules.Load()
	rt := now.Route(p.Channel)
	m := policyPublication(&p)
	v := now.Publish(rt, &m)
	if v.Noise.PerSecond > 0 {
		o.watch.Noisy(monitor.Outbound, now.counters[rt.Index], p.Channel, v.Noise, p.Sender)
	}
	if v.Open {
		o.check(now, rt, v.Kind, p, receipt)
		return true, nil
	}
	return false, o.send(now, rt, v.Kind, v.Refusal, &p, receipt)
}

// policyPublication returns the part of a publication on which the verdict depends.
func policyPublication(p *respserver.Publication) policy.Publication {
	return policy.Publication{By: policy.User(p.By), Channel: p.Channel, Payload: p.Payload, Unread: int(p.Oversize)}
}

// check has the pool check a message, and then goes on with it.
func (o *outbound) check(
	now *rules, rt *route.Route, kind []byte, p respserver.Publication, receipt respserver.Receipt,
) {
	p.Channel, p.Payload, kind = bytes.Clone(p.Channel), bytes.Clone(p.Payload), bytes.Clone(kind)
	p.Field, p.Trace = bytes.Clone(p.Field), bytes.Clone(p.Trace) // nil stays nil
	o.checks.Check(rt.Checker, p.Payload, func(err error) {
		var refusal *policy.Refusal
		if err != nil {
			refusal = policy.NotValid(p.Channel, err)
		}
		if err := o.send(now, rt, kind, refusal, &p, receipt); err != nil {
			receipt.Published(0, "", err)
			return
		}
		receipt.Checked()
	})
}

// send sends a message that was judged, or tells why not.
func (o *outbound) send(
	now *rules, rt *route.Route, kind []byte, refusal *policy.Refusal, p *respserver.Publication,
	receipt respserver.Receipt,
) error {
	counters, rule := now.counters[rt.Index], rt.PolicyOf(kind)
	if refusal == nil || refusal.Passes(rt) {
		refusal = cmp.Or(policy.MayPersist(rt, rule, p.Kind, p.Channel, p.Field), refusal)
	}
	if refusal != nil {
		m := policyPublication(p)
		o.watch.Refused(p.Channel, p.Sender)
		o.teller.Reject(monitor.Outbound, rt, counters, refusal,
			notice.Message{Payload: p.Payload, Size: m.Size(), By: watch.Sender(p.Sender)})
		o.dead.published(rt, kind, refusal, p)
		if !refusal.Passes(rt) {
			o.show(rt, p, kind, refusal, nil)
			return refusal
		}
	}
	to := o.sides[rt.Upstream.Index]
	m := to.names(now)
	sent := &pendingPublish{
		out: o, channel: o.nameOf(p.Channel), names: m, counters: counters, receipt: receipt, arrived: p.Arrived,
		size: len(p.Payload), held: o.dead.hold(rt, p),
	}
	wire := to.wireName(m, p.Channel)
	sent.listeners, sent.own = o.audience(to, m, rt, p.Kind, p.Channel, wire)
	err := to.send(p.From, m, wire, rt, rule, p, sent)
	if err != nil {
		answeredHeld(sent.held, m, sent.channel, err)
		err = sent.failed(err)
	} else {
		o.watch.Out(p.Channel, len(p.Payload), p.Sender)
		if rt.Mirror != nil {
			o.mirrors.publish(now, rt, rule, counters, p)
		}
	}
	o.show(rt, p, kind, refusal, err)
	return err
}

// show shows a message and what became of it to those who watch.
func (o *outbound) show(
	rt *route.Route, p *respserver.Publication, kind []byte, refusal *policy.Refusal, err error,
) {
	if o.viewers.Any() {
		o.viewers.Published(rt, p, kind, refusal, err)
	}
}

// nameOf returns a channel as a string. That of the last publish needs no memory of its own.
func (o *outbound) nameOf(channel []byte) string {
	if o.lastName != string(channel) {
		o.lastName = string(channel)
	}
	return o.lastName
}

// audience counts whom a message that is sent now reaches on this host, and how many of those whom Redis
// counts are this relay. m are the names of the upstream, and wire is what it calls the channel.
func (o *outbound) audience(
	to *side, m *names.Map, rt *route.Route, kind resp.Kind, channel, wire []byte,
) (listeners, own int) {
	if rt.Sharded || kind == resp.SMessage {
		return to.shardAudience(rt, channel)
	}
	listeners, own = to.hub.Audience(kind, channel)
	if kind == resp.Message && m.HasRenames() { // a pattern may be several at Redis
		_, own, _ = to.hub.Listeners(kind, channel)
		own += to.interest.asked.matching(wire)
	}
	if kind == resp.Message && rt.NATS {
		listeners += o.outlets.listeners(channel)
	}
	return listeners, own
}

// Withdraw refuses what a connection published and could not be sent so far.
func (o *outbound) Withdraw(from uint64) { o.sides.withdraw(from) }

// pendingPublish is a message on its way to Redis.
type pendingPublish struct {
	out            *outbound
	channel        string
	names          *names.Map // by which it was sent
	counters       *monitor.Route
	receipt        respserver.Receipt
	arrived        time.Time
	size           int              // of the payload, in bytes
	listeners, own int              // when it was sent
	held           *deadletter.Held // nil: it is not kept if Redis refuses it
}

// Answer passes on what Redis said.
func (p *pendingPublish) Answer(v resp.Value, err error) { p.Persisted("", v.Int, err) }

// Persisted passes on what became of a message that is kept.
func (p *pendingPublish) Persisted(id string, receivers int64, err error) {
	answeredHeld(p.held, p.names, p.channel, err)
	if err != nil {
		err = p.failed(err)
		if p.out.viewers.Any() {
			p.out.viewers.Lost(p.out.rules.Load().Route([]byte(p.channel)), p.channel, err)
		}
		p.receipt.Published(0, "", err)
		return
	}
	p.counters.Published.Add(1, p.size)
	p.out.replyTimes.Observe(p.out.loop.Recent().Sub(p.arrived))
	p.receipt.Published(p.reached(receivers), id, nil)
}

// reached replaces this relay's share in what Redis counted by its listeners.
func (p *pendingPublish) reached(n int64) int64 { return max(0, n-int64(p.own)) + int64(p.listeners) }

// failed words an error of the Redis side and counts it, if it is the relay's.
func (p *pendingPublish) failed(err error) error {
	err = fromUpstream(p.names, p.channel, err)
	if refusal, ok := err.(*policy.Refusal); ok { //nolint:errorlint // made just above, not wrapped
		p.counters.Rejected(monitor.Outbound, string(refusal.Code)).Inc()
		p.out.watch.Refused([]byte(p.channel), nil)
	}
	return err
}

var _ sendReceipt = (*pendingPublish)(nil)
