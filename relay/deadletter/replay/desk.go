package replay

// The Desk, and how it judges.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"redis-relay/config"
	"redis-relay/relay/deadletter"
	"redis-relay/relay/names"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// ErrNoStream reports that no route keeps dead letters.
var ErrNoStream = errors.New("no route has a dead_letter; name the stream with --stream")

// Desk works on the streams of one configuration.
type Desk struct {
	// Fixed after construction.
	streams []stream
	closers []func()
	rules   *policy.Rules // without rates
	rates   map[string]map[string]config.Rate

	limiters map[string]*rate.Limiter // by channel and rate
	run      string                   // names this replay among all publishers of messages with history
	runs     int
	counts   map[string]uint64 // messages with history of this run, by channel
}

// stream is one with letters, and the upstream that has it.
type stream struct {
	key string // as the configuration has it
	*place
}

// place is an upstream.
type place struct {
	index int
	label string // name; empty: there is one upstream only
	redis Redis
	names *names.Map
}

// Open returns a Desk for streams of a valid configuration: the one with the given key, or, if that is empty, those
// that its routes name. at is the only upstream that is asked; if it is empty, a key means the stream on each upstream
// where routes name it, or on all upstreams if none does. Keys are without redis.prefix. connect returns the connection
// to an upstream, which Close closes.
func Open(connect func(upstream string) (Redis, error), cfg *config.Config, key, at string) (*Desk, error) {
	d := &Desk{
		rates: map[string]map[string]config.Rate{}, limiters: map[string]*rate.Limiter{}, counts: map[string]uint64{},
	}
	unlimited := *cfg // a rate is kept by waiting
	unlimited.Routes = slices.Clone(cfg.Routes)
	for i := range unlimited.Routes {
		d.takeRates(&unlimited.Routes[i])
	}
	var err error
	if d.rules, err = policy.New(&unlimited); err != nil {
		return nil, err
	}
	if err := d.findStreams(connect, cfg, key, at); err != nil {
		d.Close()
		return nil, err
	}
	switch {
	case len(d.streams) > 0:
	case at != "":
		return nil, fmt.Errorf("upstream %s: %w", at, ErrNoStream)
	default:
		return nil, ErrNoStream
	}
	host, _ := os.Hostname()
	d.run = fmt.Sprintf("replay:%s:%d:%d", host, os.Getpid(), time.Now().UnixNano())
	return d, nil
}

// Close ends the connections.
func (d *Desk) Close() {
	for _, end := range d.closers {
		end()
	}
}

// Streams lists the keys of the streams, without redis.prefix.
func (d *Desk) Streams() (keys []string) {
	for _, s := range d.streams {
		keys = append(keys, s.key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// findStreams finds the streams of all upstreams, or of one, and connects to those that have any.
func (d *Desk) findStreams(connect func(upstream string) (Redis, error), cfg *config.Config, only, at string) error {
	upstreams := cfg.UpstreamNames()
	isNamed := at == "" && slices.ContainsFunc(upstreams, func(name string) bool {
		return slices.Contains(streamsOf(cfg, name), only)
	})
	for i, name := range upstreams {
		keys := streamsOf(cfg, name)
		switch {
		case only != "" && !isNamed:
			keys = []string{only}
		case only != "":
			keys = slices.DeleteFunc(keys, func(key string) bool { return key != only })
		}
		if len(keys) == 0 || at != "" && at != name {
			continue
		}
		redis, err := connect(name)
		if err != nil {
			return err
		}
		d.closers = append(d.closers, redis.Close)
		p := &place{i, "", redis, names.New(cfg.Upstream(name).Prefix, i, d.rules)}
		if len(upstreams) > 1 {
			p.label = name
		}
		for _, key := range keys {
			d.streams = append(d.streams, stream{key, p})
		}
	}
	return nil
}

// streamsOf lists the streams for dead letters that a configuration has on an upstream, each once.
func streamsOf(cfg *config.Config, upstream string) (keys []string) {
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		if r.Upstream != upstream {
			continue
		}
		keys = append(keys, r.InvalidDead, r.TooLarge.Stream, r.Refused.Stream, r.Policy.Rate.DeadLetter)
		for _, p := range r.Kinds {
			keys = append(keys, p.Rate.DeadLetter)
		}
	}
	slices.Sort(keys)
	return slices.DeleteFunc(slices.Compact(keys), func(key string) bool { return key == "" })
}

// takeRates notes the rates of a route, and takes them out of it.
func (d *Desk) takeRates(r *config.Route) {
	rates := map[string]config.Rate{"": r.Policy.Rate}
	r.Policy.Rate = config.Rate{}
	kinds := make(map[string]config.Policy, len(r.Kinds))
	for name, p := range r.Kinds {
		rates[name], p.Rate = p.Rate, config.Rate{}
		kinds[name] = p
	}
	r.Kinds = kinds
	d.rates[r.Prefix] = rates
}

// Malformed counts entries that are no dead letters. They stay.
const Malformed = "MALFORMED"

// verdict is what becomes of a letter now.
type verdict struct {
	code   string // why it stays; empty: it passes
	reason string
	wait   time.Duration // before it is published, so that its channel keeps its rate
	policy *route.Policy
}

// judge judges a letter of a stream by the rules of now, as the relay would that refused it. It must be published where
// the stream is: one script does both.
func (d *Desk) judge(at *place, k *Kept, reserve bool) verdict {
	channel := []byte(k.Channel)
	rt := d.rules.Route(channel)
	var v policy.Verdict
	switch {
	case !k.IsLetter():
		return verdict{code: Malformed, reason: "it is no dead letter: it has no code, no channel, or no direction"}
	case !k.IsWhole():
		return verdict{code: k.Code, reason: "its payload was not read, so there is nothing to publish"}
	case k.TooLarge:
		reason := fmt.Sprintf("it is over %d MiB, and too large to replay", maxEntry>>20)
		return verdict{code: string(policy.TooLarge), reason: reason}
	case route.IsReserved(channel):
		return verdict{code: string(policy.Denied), reason: "its channel is the relay's own"}
	case rt.Upstream.Index != at.index:
		return verdict{code: string(policy.Denied), reason: "its channel is on the upstream " + rt.Upstream.Name + " now"}
	case !at.names.IsUsed(channel):
		return verdict{code: string(policy.Denied), reason: "nobody may use its channel, so Redis has no name for it"}
	case k.Direction == deadletter.Inbound:
		v = d.rules.DecideReceived(channel, k.Payload)
	default:
		v = d.rules.Decide(&policy.Publication{By: user(k), Channel: channel, Payload: k.Payload})
	}
	if v.Refusal != nil && !v.Refusal.Passes(rt) {
		return verdict{code: string(v.Refusal.Code), reason: v.Refusal.Reason}
	}
	result := verdict{policy: rt.PolicyOf(v.Kind)}
	if refusal := mayPersist(rt, result.policy, k); refusal != nil {
		return verdict{code: string(refusal.Code), reason: refusal.Reason}
	}
	if reserve {
		result.wait = d.reserve(rt, v.Kind, k.Channel)
	}
	return result
}

// mayPersist returns a refusal if a relay would not take the command by which a local client published the message.
func mayPersist(rt *route.Route, p *route.Policy, k *Kept) *policy.Refusal {
	kind, field := resp.Message, []byte(nil)
	switch {
	case k.Direction == deadletter.Inbound: // it came by no command of a relay's client
		return nil
	case k.Shard:
		kind = resp.SMessage
	case k.Field != "":
		field = []byte(k.Field)
	}
	return policy.MayPersist(rt, p, kind, []byte(k.Channel), field)
}

// user is who published the message, as far as it is known.
func user(k *Kept) (u policy.User) {
	if k.UID != nil {
		u = policy.User{Known: true, UID: *k.UID}
	}
	return u
}

// reserve returns how long to wait, so that a channel gets no more messages than the rate of its route lets through.
func (d *Desk) reserve(rt *route.Route, kind []byte, channel string) time.Duration {
	rates := d.rates[rt.Prefix]
	r, own := rates[string(kind)]
	if !own {
		r = rates[""]
	}
	if r.Limit == 0 {
		return 0
	}
	name := fmt.Sprint(channel, " ", r)
	if d.limiters[name] == nil {
		d.limiters[name] = rate.NewLimiter(rate.Limit(r.Limit), max(1, r.Burst))
	}
	return d.limiters[name].Reserve().Delay()
}
