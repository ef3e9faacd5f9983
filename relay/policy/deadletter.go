package policy

// Which stream at Redis keeps a refused message.

import (
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

// DeadLetters lists the keys of the streams that a route keeps refused messages in, each once.
func DeadLetters(rt *route.Route) (keys []string) {
	keys = append(keys, rt.Dead.Invalid, rt.Dead.TooLarge, rt.Dead.Refused, rt.Policy.RateDead)
	for _, p := range rt.Kinds {
		keys = append(keys, p.RateDead)
	}
	slices.Sort(keys)
	return slices.DeleteFunc(slices.Compact(keys), func(key string) bool { return key == "" })
}
