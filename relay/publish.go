package relay

// From a local client to Redis.

import (
	"bytes"
	"fmt"
	"strings"

	"redis-relay/relay/glob"
	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// Publish checks a message and sends it to Redis, from where it comes back to the
// listeners of this host as to all others. It is respserver.Publisher.
func (r *Relay) Publish(p respserver.Publication, receipt respserver.Receipt) (checking bool, err error) {
	now := r.rules.Load()
	rt := now.table.Lookup(p.Channel)
	kind, decided, refusal := r.judge(now, rt, &p)
	if refusal == nil && !decided {
		r.checkPublished(now, rt, kind, p, receipt)
		return true, nil
	}
	return false, r.send(now, rt, kind, refusal, &p, receipt)
}

// checkPublished has the pool check a message, and then goes on with it.
func (r *Relay) checkPublished(
	now *rules, rt *route.Route, kind []byte, p respserver.Publication, receipt respserver.Receipt,
) {
	p.Channel, p.Payload, kind = bytes.Clone(p.Channel), bytes.Clone(p.Payload), bytes.Clone(kind)
	if p.Field != nil {
		p.Field = bytes.Clone(p.Field)
	}
	r.checks.check(rt.Checker, p.Payload, func(err error) {
		var refusal *Refusal
		if err != nil {
			refusal = notChecked(string(p.Channel), err)
		}
		if err := r.send(now, rt, kind, refusal, &p, receipt); err != nil {
			receipt.Published(0, "", err)
			return
		}
		receipt.Checked()
	})
}

// send sends a message that was judged, or reports why not.
func (r *Relay) send(
	now *rules, rt *route.Route, kind []byte, refusal *Refusal, p *respserver.Publication, receipt respserver.Receipt,
) error {
	counters, policy := now.counters[rt.Index], rt.PolicyOf(kind)
	if refusal == nil {
		refusal = mayPersist(rt, policy, p)
	}
	if refusal != nil {
		r.reject(monitor.Outbound, rt, counters, refusal, sizeOf(p), p.Sender)
		if refusal.Code != Invalid || !rt.LogInvalid {
			return refusal
		}
	}
	sent := &publication{relay: r, channel: r.nameOf(p.Channel), counters: counters, receipt: receipt}
	sent.listeners, sent.own = r.audience(p.Kind, p.Channel)
	var err error
	if policy.History != nil {
		err = r.persist(p, policy, sent)
	} else {
		err = r.redis.Publish(p.From, p.Kind == resp.SMessage, p.Channel, p.Payload, sent)
	}
	if err != nil {
		return r.failed(sent, err)
	}
	return nil
}

// nameOf returns a channel as a string. That of the last publish needs no memory of its own.
func (r *Relay) nameOf(channel []byte) string {
	if r.lastName != string(channel) {
		r.lastName = string(channel)
	}
	return r.lastName
}

// audience counts whom a message that is sent now reaches on this host, and how many of those whom Redis
// counts are this relay.
func (r *Relay) audience(kind resp.Kind, channel []byte) (listeners, own int) {
	listeners, own = r.hub.Audience(kind, channel)
	if kind == resp.Message {
		listeners += r.listenersOnNATS(channel)
	}
	return listeners, own
}

// sizeOf returns the bytes of a payload, which need not have been read.
func sizeOf(p *respserver.Publication) int { return max(int(p.Oversize), len(p.Payload)) }

// TakeBack refuses what a connection published and could not be sent so far.
func (r *Relay) TakeBack(from uint64) { r.redis.TakeBack(from) }

// judge says why a local client may not publish a message, or of what kind it is. decided tells whether
// that was all there is to check.
func (r *Relay) judge(
	now *rules, rt *route.Route, p *respserver.Publication,
) (kind []byte, decided bool, refusal *Refusal) {
	var err error
	limit := r.limits.Payload.Load()
	size := sizeOf(p)
	switch {
	case r.isLong(p.Channel):
		return nil, true, r.longName(p.Channel)
	case route.IsReserved(p.Channel):
		return nil, true, &Refusal{Denied, string(p.Channel), "channels that begin with relay: are the relay's own"}
	case !rt.Publish:
		return nil, true, &Refusal{Denied, string(p.Channel), closed("publish", rt)}
	case !rt.Publishers.Admit(p.By.UID, p.By.Known):
		return nil, true, &Refusal{Denied, string(p.Channel), barred(p.By, "publish", rt)}
	case int64(size) > limit || p.Oversize > 0: // that was not read, whatever the limit is by now
		reason := fmt.Sprintf("%d bytes are over limits.payload (%d)", size, limit)
		return nil, true, &Refusal{TooLarge, string(p.Channel), reason}
	}
	decided = true
	if rt.Checker != nil {
		kind, _, decided, err = rt.Checker.Scan(p.Payload)
	}
	if refusal := r.count(now, monitor.Outbound, rt, kind, p.Channel); refusal != nil {
		return kind, true, refusal // before a check that may take long
	}
	if !decided {
		decided, err = rt.Checker.Brief(p.Payload)
	}
	if err != nil {
		return nil, true, notChecked(string(p.Channel), err)
	}
	return kind, decided, nil
}

// closed words why a route does not let a client do something.
func closed(key string, rt *route.Route) string {
	if rt.Prefix == "" && rt.Name != "" {
		return "no route covers this channel, and unrouted is deny; add a route to relay.yaml"
	}
	return fmt.Sprintf("route %q says %s: false", rt.Prefix, key)
}

// ofName makes what is said of a channel fit for a pattern, which has the route of the text that it begins with.
func ofName(kind resp.Kind, reason string) string {
	if kind == resp.PMessage {
		return strings.Replace(reason, "covers this channel", "covers this pattern", 1)
	}
	return reason
}

// barred words why a route does not let a user do something.
func barred(by respserver.User, key string, rt *route.Route) string {
	who := "your user is not known"
	if by.Known {
		who = fmt.Sprintf("your user (uid %d) is not among them", by.UID)
	}
	return fmt.Sprintf("route %q has %s_uids, and %s", rt.Prefix, key, who)
}

// publication is a message on its way to Redis. It is upstream.Answer.
type publication struct {
	relay          *Relay
	channel        string
	counters       *monitor.Route
	receipt        respserver.Receipt
	listeners, own int // when it was sent
}

// Answer passes on what Redis said, with this relay's share replaced by its
// listeners.
func (p *publication) Answer(v resp.Value, err error) {
	if err != nil {
		p.receipt.Published(0, "", p.relay.failed(p, err))
		return
	}
	p.counters.Published.Inc()
	p.receipt.Published(p.reached(v.Int), "", nil)
}

// reached replaces this relay's share in what Redis counted by its listeners.
func (p *publication) reached(n int64) int64 { return max(0, n-int64(p.own)) + int64(p.listeners) }

// failed words an error of the Redis side and counts it, if it is the relay's.
func (r *Relay) failed(p *publication, err error) error {
	err = fromUpstream(p.channel, err)
	if refusal, ok := err.(*Refusal); ok { //nolint:errorlint // made just above, not wrapped
		p.counters.Rejected(monitor.Outbound, string(refusal.Code)).Inc()
	}
	return err
}

// MaySubscribe says why a local client may not listen to a name, or nil. A
// pattern is judged by the prefix that all its matches have: it must reach no route
// that is not for this user. What it catches of routes that are closed to all is
// not delivered.
func (r *Relay) MaySubscribe(by respserver.User, kind resp.Kind, name []byte) error {
	return r.rules.Load().maySubscribe(by, kind, name)
}

func (r *rules) maySubscribe(by respserver.User, kind resp.Kind, name []byte) error {
	channel := name
	if kind == resp.PMessage {
		channel = glob.Literal(name)
	}
	if route.IsReserved(channel) {
		if kind == resp.Message && isLocal(string(name)) {
			return nil
		}
		return &Refusal{Denied, string(name), "of the relay's own channels only " + EventsChannel + " and " +
			RejectsChannel + " can be listened to, by their full names"}
	}
	if rt := r.table.Lookup(channel); !rt.Subscribe {
		return &Refusal{Denied, string(name), ofName(kind, closed("subscribe", rt))}
	}
	if kind == resp.PMessage && !r.allowsPattern(channel) {
		return &Refusal{Denied, string(name), outsidePatterns(r)}
	}
	if rt := r.barred(by, kind, name); rt != nil {
		return &Refusal{Denied, string(name), barred(by, "subscribe", rt)}
	}
	return nil
}

// outsidePatterns words why a pattern is refused that does not begin as it must.
func outsidePatterns(now *rules) string {
	return fmt.Sprintf("a pattern must begin with one of limits.pattern_prefixes (%s)", strings.Join(now.patterns, ", "))
}
