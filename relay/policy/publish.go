package policy

// Publishing: the verdict on a message from a local client.

import (
	"fmt"

	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// Verdict says what happens to a message. Its slices are valid as long as those of the message.
type Verdict struct {
	Kind    []byte   // nil: none
	Key     []byte   // the value of latest_by; nil: none
	Open    bool     // the check takes long: Route.Checker.Validate makes it
	Invalid error    // the message is not valid; a route with invalid: log lets it pass all the same
	Refusal *Refusal // the message does not pass; nil: it does
	Silent  bool     // Refusal is counted, but not reported
	Noise   Noise    // of the channel, if it is worth an alert
}

// Publication is a message to be published.
type Publication struct {
	By      User
	Channel []byte
	Payload []byte
	Unread  int // > 0: the length in bytes of a payload too large to be read
}

// Size returns the size of the payload in bytes, even if the payload was not read.
func (p *Publication) Size() int { return max(p.Unread, len(p.Payload)) }

// Publish returns the verdict on a message to be published on a channel of rt. If the verdict is open, the caller
// must have the message validated. In either case MayPersist must be called next.
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
		return denied(p.Channel, notListedWords(p.By, "publish", rt))
	case p.Size() > r.maxPayload || p.Unread > 0: // an unread payload is refused even if the limit was raised since
		return r.tooLarge(p.Channel, p.Size(), "")
	}
	return nil
}

func (r *Rules) tooLarge(channel []byte, size int, from string) *Refusal {
	reason := fmt.Sprintf("%d bytes%s are over limits.payload (%d)", size, from, r.maxPayload)
	return &Refusal{Code: TooLarge, Channel: string(channel), Reason: reason}
}

// judge decides about a payload by a scan and then, if need be, by a brief check. The rate comes before the brief
// check, which takes longer.
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

// MayPersist returns a refusal if the command for a message does not suit the message's policy, and nil if it does.
// field is the field of XADD; nil: the command is another one.
func MayPersist(rt *route.Route, policy *route.Policy, kind resp.Kind, channel, field []byte) *Refusal {
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

// Passes reports whether a refused message on a channel of rt is passed on all the same.
func (r *Refusal) Passes(rt *route.Route) bool { return r.Code == Invalid && rt.LogInvalid }
