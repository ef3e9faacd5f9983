package policy

// May a local client publish a message?

import (
	"fmt"

	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// Verdict says what may happen to a message. Its slices are valid as long as those of the message.
type Verdict struct {
	Kind    []byte
	Key     []byte   // the value of latest_by; nil: none
	Open    bool     // whether it is valid takes long to say: Route.Checker.Validate does
	Invalid error    // why it is not valid; a route that says invalid: log lets it pass all the same
	Refusal *Refusal // why it does not pass; nil: it does
	Silent  bool     // Refusal is counted, and not told
	Noise   float64  // messages/s of its channel, if they are worth an alert
}

// Publication is a message that somebody wants to publish.
type Publication struct {
	By      User
	Channel []byte
	Payload []byte
	Unread  int // > 0: the length in bytes of a payload too large to be read
}

// Size returns the bytes of the payload, which need not have been read.
func (p *Publication) Size() int { return max(p.Unread, len(p.Payload)) }

// Publish judges a message on a channel of rt. If the verdict is open, the message must be
// validated; a MayKeep follows in either case.
func (r *Rules) Publish(rt *route.Route, p *Publication) (v Verdict) {
	if v.Refusal = r.mayPublish(rt, p); v.Refusal != nil {
		return v
	}
	r.judge(&v, rt, outbound, p.Channel, p.Payload)
	if v.Refusal == nil && v.Invalid != nil {
		v.Kind, v.Open, v.Refusal = nil, false, NotValid(p.Channel, v.Invalid)
	}
	return v
}

func (r *Rules) mayPublish(rt *route.Route, p *Publication) *Refusal {
	switch {
	case r.IsLong(p.Channel):
		return r.LongName(p.Channel)
	case route.IsReserved(p.Channel):
		return denied(p.Channel, "channels that begin with relay: are the relay's own")
	case !rt.Publish:
		return denied(p.Channel, closedWords("publish", rt))
	case !rt.Publishers.Admit(p.By.UID, p.By.Known):
		return denied(p.Channel, barredWords(p.By, "publish", rt))
	case p.Size() > r.maxPayload || p.Unread > 0: // that was not read, whatever the limit is by now
		return r.tooLarge(p.Channel, p.Size(), "")
	}
	return nil
}

func (r *Rules) tooLarge(channel []byte, size int, from string) *Refusal {
	reason := fmt.Sprintf("%d bytes%s are over limits.payload (%d)", size, from, r.maxPayload)
	return &Refusal{TooLarge, string(channel), reason}
}

// judge judges a payload as far as a scan, and then a brief look at it, can. The rate comes before what
// may take long.
func (r *Rules) judge(v *Verdict, rt *route.Route, d direction, channel, payload []byte) {
	decided := true
	if rt.Checker != nil {
		v.Kind, v.Key, decided, v.Invalid = rt.Checker.Scan(payload)
	}
	if v.Refusal, v.Noise = r.meter(d, rt, v.Kind, channel); v.Refusal != nil {
		return
	}
	if !decided {
		decided, v.Invalid = rt.Checker.Brief(payload)
	}
	v.Open = !decided
}

// MayKeep says why a message of a policy cannot be kept as it is asked to be, or nil. field is that of XADD;
// nil: it is none.
func MayKeep(rt *route.Route, policy *route.Policy, kind resp.Kind, channel, field []byte) *Refusal {
	switch {
	case kind == resp.SMessage && policy.History != nil:
		return denied(channel, "messages with history are published with PUBLISH or XADD, not to a shard channel")
	case field != nil && !rt.HasHistory():
		return denied(channel, noHistory(rt)+", or PUBLISH the message")
	case field != nil && policy.History == nil:
		return denied(channel, "messages of this kind have no history; PUBLISH it")
	}
	return nil
}

// Passes tells whether a refused message on a channel of rt is passed on all the same.
func (r *Refusal) Passes(rt *route.Route) bool { return r.Code == Invalid && rt.LogInvalid }
