package policy

// Stored: the verdict on a message that is read from a stream again, for one listener.

import (
	"reflect"

	"redis-relay/relay/route"
)

// StoredAlike reports whether rt, and all that is said of its messages, is as was by earlier rules. It does not look
// into files of schemas.
func (r *Rules) StoredAlike(earlier *Rules, rt, was *route.Route) bool {
	a, b := *rt, *was
	a.Checker, a.Index, b.Checker, b.Index = nil, 0, nil, 0
	return r.maxPayload == earlier.maxPayload && reflect.DeepEqual(a, b)
}

// Stored returns the verdict on a message of a stream, for a listener that is about to come. It counts for no rate. If
// it is open, the caller has the check made.
func (r *Rules) Stored(rt *route.Route, channel, payload []byte) (v Verdict) {
	switch {
	case len(payload) > r.maxPayload:
		v.Refusal = r.tooLarge(channel, len(payload), " from Redis")
		return v
	case rt.Checker == nil:
		return v
	}
	var decided bool
	if v.Kind, v.Key, decided, v.Invalid = rt.Checker.Scan(payload); !decided {
		decided, v.Invalid = rt.Checker.Brief(payload)
	}
	v.Open = !decided
	return v
}
