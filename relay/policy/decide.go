package policy

// Decisions for callers that can wait: a whole verdict in one call.

import (
	"cmp"

	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// MayPublish returns a refusal if a user may not publish on a channel, whatever the message is, and nil if the user
// may.
func (r *Rules) MayPublish(by User, channel []byte) *Refusal {
	return r.mayPublish(r.Route(channel), &Publication{By: by, Channel: channel})
}

// Decide is Publish and all that follows until a message is sent by PUBLISH. It makes checks that take long itself, so
// it may take as long as those: some 20 ms. The message counts for the rate of its channel. Refusal may be one that
// Passes.
func (r *Rules) Decide(p *Publication) Verdict {
	rt := r.Route(p.Channel)
	v := r.Publish(rt, p)
	if v.Open {
		v.close(rt, p.Payload)
		if v.Invalid != nil {
			v.Refusal = NotValid(p.Channel, v.Invalid)
		}
	}
	if v.Refusal == nil || v.Refusal.Passes(rt) {
		v.Refusal = cmp.Or(MayPersist(rt, rt.PolicyOf(v.Kind), resp.Message, p.Channel, nil), v.Refusal)
	}
	return v
}

// DecideReceived returns the verdict on a message that comes from Redis on a channel. Like Decide, it makes checks that
// take long itself, and counts the message. If the message is invalid, Refusal is set, and may be one that Passes.
func (r *Rules) DecideReceived(channel, payload []byte) Verdict {
	d := resp.Delivery{Kind: resp.Message, Channel: channel, Payload: payload}
	var last LastMessage
	if r.IsLong(channel) {
		return Verdict{Refusal: r.LongName(channel)}
	}
	rt := r.Route(channel)
	judged, _ := last.Judge(r, rt, &d)
	v := *judged
	if v.Open {
		v.close(rt, payload)
	}
	if v.Refusal == nil && v.Invalid != nil {
		v.Refusal = NotValid(channel, v.Invalid)
	}
	return v
}

// close makes the check of an open verdict.
func (v *Verdict) close(rt *route.Route, payload []byte) {
	v.Open, v.Invalid = false, rt.Checker.Validate(payload, nil)
}
