package explain

// What listeners of a channel get, by the policies of its kinds.

import (
	"maps"
	"slices"

	"redis-relay/relay/policy"
	"redis-relay/relay/route"
)

// lastWords says where the message is that new listeners get first.
func lastWords(rt *route.Route) string {
	switch {
	case !rt.Last:
		return ""
	case rt.HasHistory():
		return "who subscribes gets the newest entry of its history first"
	}
	return "who subscribes gets the newest message first, if somebody on the host has listened since it came"
}

func policiesOf(rt *route.Route) (list []KindPolicy) {
	for _, kind := range slices.Sorted(maps.Keys(rt.Kinds)) {
		list = append(list, policyWords(kind, rt.Kinds[kind]))
	}
	rest := "any"
	if len(list) > 0 {
		rest = "any other"
	}
	return append(list, policyWords(rest, &rt.Policy))
}

func policyWords(kind string, p *route.Policy) KindPolicy {
	w := policy.WordsOf(p)
	return KindPolicy{kind, w.Slow, w.OnGap, w.Deliver, w.History, w.Rate, w.Alert}
}
