package relay

// From a local client to Redis.

import (
	"fmt"
	"strings"

	"redis-relay/relay/glob"
	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// Publish checks a message and sends it to Redis, from where it comes back to the
// listeners of this host as to all others. It returns a refusal, or nil; then the
// receipt follows. It does not block.
func (r *Relay) Publish(p respserver.Publication, receipt respserver.Receipt) error {
	now := r.rules.Load()
	rt := now.table.Lookup(p.Channel)
	counters := now.counters[rt.Index]
	kind, refusal := r.judge(now, rt, &p)
	policy := rt.PolicyOf(kind)
	if refusal == nil {
		refusal = mayPersist(rt, policy, &p)
	}
	if refusal != nil {
		r.reject(monitor.Outbound, rt, counters, refusal, sizeOf(&p), p.Sender)
		if refusal.Code != Invalid || !rt.LogInvalid {
			return refusal
		}
	}
	sent := &publication{relay: r, kind: p.Kind, channel: string(p.Channel), counters: counters, receipt: receipt}
	if err := r.send(p, policy, sent); err != nil {
		return r.failed(sent, err)
	}
	return nil
}

// sizeOf returns the bytes of a payload, which need not have been read.
func sizeOf(p *respserver.Publication) int { return max(int(p.Oversize), len(p.Payload)) }

func (r *Relay) send(p respserver.Publication, policy *route.Policy, sent *publication) error {
	if p.Late && !r.Standing(p.From) {
		return upstream.ErrDown
	}
	if policy.History != nil {
		return r.persist(p, policy, sent)
	}
	return r.publisher.Publish(p.From, p.Kind == resp.SMessage, p.Channel, p.Payload, sent)
}

// Send has sent what a connection published. It does not block.
func (r *Relay) Send(from uint64) { r.publisher.Flush(from) }

// Standing tells whether there is a connection to Redis to send over what a client
// publishes.
func (r *Relay) Standing(from uint64) bool { return r.publisher.Standing(from) }

// TakeBack refuses what a connection published and could not be sent so far.
func (r *Relay) TakeBack(from uint64) { r.publisher.TakeBack(from) }

// judge says why a local client may not publish a message, or of what kind it is.
func (r *Relay) judge(now *rules, rt *route.Route, p *respserver.Publication) (kind []byte, refusal *Refusal) {
	var err error
	limit := r.limits.Payload.Load()
	size := sizeOf(p)
	switch {
	case r.isLong(p.Channel):
		return nil, r.longName(p.Channel)
	case route.IsReserved(p.Channel):
		return nil, &Refusal{Denied, string(p.Channel), "channels that begin with relay: are the relay's own"}
	case !rt.Publish:
		return nil, &Refusal{Denied, string(p.Channel), closed("publish", rt)}
	case !rt.Publishers.Admit(p.By.UID, p.By.Known):
		return nil, &Refusal{Denied, string(p.Channel), barred(p.By, "publish", rt)}
	case int64(size) > limit || p.Oversize > 0: // that was not read, whatever the limit is by now
		return nil, &Refusal{TooLarge, string(p.Channel), fmt.Sprintf("%d bytes are over limits.payload (%d)", size, limit)}
	}
	decided := true
	if rt.Checker != nil {
		kind, _, decided, err = rt.Checker.Scan(p.Payload)
	}
	if refusal := r.count(now, monitor.Outbound, rt, kind, p.Channel); refusal != nil {
		return kind, refusal // before a check that may take long
	}
	if !decided {
		err = r.judged(rt.Checker, p.Payload)
	}
	if err != nil {
		return nil, notChecked(string(p.Channel), err)
	}
	return kind, nil
}

// closed words why a route does not let a client do something.
func closed(key string, rt *route.Route) string {
	if rt.Prefix == "" && rt.Name != "" {
		return "no route covers this channel, and unrouted is deny; add a route to relay.yaml"
	}
	return fmt.Sprintf("route %q says %s: false", rt.Prefix, key)
}

// barred words why a route does not let a user do something.
func barred(by respserver.User, key string, rt *route.Route) string {
	who := "your user is not known"
	if by.Known {
		who = fmt.Sprintf("your user (uid %d) is not among them", by.UID)
	}
	return fmt.Sprintf("route %q has %s_uids, and %s", rt.Prefix, key, who)
}

// publication is a message on its way to Redis. It is upstream.Receipt.
type publication struct {
	relay    *Relay
	kind     resp.Kind
	channel  string
	counters *monitor.Route
	receipt  respserver.Receipt
}

// Answer passes on what Redis said, with this relay's share replaced by its
// listeners.
func (p *publication) Answer(value any, err error) {
	if err != nil {
		p.receipt.Published(0, "", p.relay.failed(p, err))
		return
	}
	p.counters.Published.Inc()
	n, _ := value.(int64)
	p.receipt.Published(p.reached(n), "", nil)
}

// reached replaces this relay's share in what Redis counted by its listeners.
func (p *publication) reached(n int64) int64 {
	listeners, own := p.relay.hub.Audience(p.kind, []byte(p.channel))
	return max(0, n-int64(own)) + int64(listeners+p.relay.listenersOnNATS([]byte(p.channel)))
}

// Flush lets the answers out.
func (p *publication) Flush() { p.receipt.Flush() }

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
		return &Refusal{Denied, string(name), closed("subscribe", rt)}
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
