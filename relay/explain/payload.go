package explain

// What would happen to a payload.

import (
	"fmt"

	"redis-relay/relay/policy"
	"redis-relay/relay/route"
)

// PayloadFate is what would happen to a payload.
type PayloadFate struct {
	Bytes     int    `json:"bytes"`
	Kind      string `json:"kind,omitempty"` // empty: none
	Accepted  bool   `json:"accepted"`
	Error     string `json:"error,omitempty"` // that the publisher gets or, if Accepted, that is only counted and told
	Code      string `json:"code,omitempty"`  // of Error
	Kept      string `json:"kept,omitempty"`  // the stream of dead letters that keeps it, if it is refused
	Sent      string `json:"sent"`            // to Redis
	Listeners string `json:"listeners"`       // what they see
	FromRedis string `json:"from_redis"`      // what becomes of the same payload, published without a relay
}

// judge has the payload judged on both paths.
func (a *Answer) judge(rules *policy.Rules, q *Question) {
	channel := []byte(q.Channel)
	v := rules.Decide(&policy.Publication{By: userOf(q, a.route.Publishers), Channel: channel, Payload: q.Payload})
	fate := &PayloadFate{Bytes: len(q.Payload), Kind: string(v.Kind), Accepted: v.Refusal == nil}
	a.Payload, a.policy = fate, a.route.PolicyOf(v.Kind)
	if v.Refusal != nil {
		fate.Error, fate.Code = onWire(v.Refusal), string(v.Refusal.Code)
		if fate.Accepted = v.Refusal.Passes(a.route); !fate.Accepted {
			fate.Kept = v.Refusal.DeadLetter(a.route, v.Kind)
			if fate.Kept != "" {
				fate.Kept = a.prefix + fate.Kept
			}
		}
	}
	in := rules.DecideReceived(channel, q.Payload)
	if fate.Kind == "" && in.Kind != nil { // that of a refused payload is known on the way in alone
		fate.Kind = string(in.Kind)
	}
	a.Policies = []KindPolicy{policyWords(kindName(a.route, fate.Kind), a.route.PolicyOf([]byte(fate.Kind)))}
	fate.Sent, fate.Listeners = "nothing", "nothing"
	if fate.Accepted {
		fate.Sent = a.sent()
		fate.Listeners = a.heard(&in)
	}
	fate.FromRedis = a.heard(&in)
	if a.own {
		fate.FromRedis = "nothing: the relay does not pass on what others publish on its own channels"
	}
}

// kindName names the row of a policy: the kind if it has one of its own.
func kindName(rt *route.Route, kind string) string {
	if _, own := rt.Kinds[kind]; own {
		return kind
	}
	if len(rt.Kinds) > 0 {
		return "any other"
	}
	return "any"
}

// sent says what goes to Redis.
func (a *Answer) sent() string {
	if h := a.policy.History; h != nil {
		return fmt.Sprintf("the payload as it is: added to the stream %s, then published on %s",
			policy.Printable(a.streamAtRedis), policy.Printable(a.NameAtRedis))
	}
	return "the payload as it is: published on " + policy.Printable(a.NameAtRedis)
}

// heard says what local listeners see of a message that comes from Redis with a verdict.
func (a *Answer) heard(in *policy.Verdict) string {
	switch {
	case in.Silent:
		return "nothing: the channel is closed to listeners"
	case in.Refusal != nil && !in.Refusal.Passes(a.route):
		return fmt.Sprintf("nothing; %s tells: %s", policy.RejectsChannel, onWire(in.Refusal))
	}
	p := a.route.PolicyOf(in.Kind)
	who := "each listener on the channel, and on patterns that match it,"
	if p.DeliverOne {
		who = "one listener of each name, in turn,"
	}
	text := who + " gets the payload as it is"
	if in.Refusal != nil {
		text += fmt.Sprintf("; %s tells: %s", policy.RejectsChannel, onWire(in.Refusal))
	}
	return text
}
