package policy

// Which stream at Redis keeps a refused message.

import (
	"maps"
	"slices"

	"redis-relay/relay/route"
)

// DeadLetter returns the key of the stream that keeps a message of a kind on a channel of rt that was refused; empty:
// none does.
func (r *Refusal) DeadLetter(rt *route.Route, kind []byte) string {
	switch r.Code {
	case Invalid:
		return rt.Dead.Invalid
	case TooLarge:
		return rt.Dead.TooLarge
	case RateLimit:
		return rt.PolicyOf(kind).RateDead
	}
	return ""
}

// DeadLetters is what a route keeps of refused messages.
type DeadLetters struct {
	Refused string // for what: the key of the route, as it is in relay.yaml, such as "invalid" or "kinds.typing.rate"
	Stream  string // the key of the stream, without the prefix of all names at Redis
}

// DeadLettersOf lists what a route keeps of refused messages.
func DeadLettersOf(rt *route.Route) (list []DeadLetters) {
	add := func(refused, stream string) {
		if stream != "" {
			list = append(list, DeadLetters{refused, stream})
		}
	}
	add("invalid", rt.Dead.Invalid)
	add("rate", rt.Policy.RateDead)
	add("too_large", rt.Dead.TooLarge)
	add("redis_refused", rt.Dead.Refused)
	for _, kind := range slices.Sorted(maps.Keys(rt.Kinds)) {
		if stream := rt.Kinds[kind].RateDead; stream != rt.Policy.RateDead {
			add("kinds."+kind+".rate", stream)
		}
	}
	return list
}

// DeadStreams lists the keys of the streams that a route keeps refused messages in, each once.
func DeadStreams(rt *route.Route) (keys []string) {
	for _, d := range DeadLettersOf(rt) {
		keys = append(keys, d.Stream)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
