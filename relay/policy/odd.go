package policy

// What of a valid configuration can never take effect.

import (
	"fmt"

	"redis-relay/config"
	"redis-relay/relay/route"
)

// Odd lists, for people, what in the routes and limits can never take effect: routes that no channel can have, and
// limits on patterns that leave nothing to subscribe to. cfg is what the rules were built from.
func (r *Rules) Odd(cfg *config.Config) (list []string) {
	longest := min(int(cfg.Limits.PatternLength), r.maxName)
	for _, rt := range r.Routes() {
		switch {
		case r.IsLong([]byte(rt.Prefix)):
			list = append(list, fmt.Sprintf("route %q never matches: its prefix has %d bytes, and no channel may have more "+
				"than limits.name (%d)", rt.Prefix, len(rt.Prefix), r.maxName))
		case rt.Subscribe && len(rt.Prefix) >= longest:
			list = append(list, fmt.Sprintf("route %q can have no pattern of its own: one has at least %d bytes, over %s (%d)",
				rt.Prefix, len(rt.Prefix)+1, patternKey(cfg, r.maxName), longest))
		}
	}
	for _, prefix := range r.patterns {
		if why := r.deadPrefix(prefix, cfg, longest); why != "" {
			list = append(list, fmt.Sprintf("limits.pattern_prefixes: %q allows no pattern: %s", prefix, why))
		}
	}
	return list
}

// patternKey names the limit that bounds a pattern.
func patternKey(cfg *config.Config, name int) string {
	if int(cfg.Limits.PatternLength) < name {
		return "limits.pattern_length"
	}
	return "limits.name"
}

// deadPrefix says why nobody can subscribe to a pattern that begins with prefix; empty: somebody can.
func (r *Rules) deadPrefix(prefix string, cfg *config.Config, longest int) string {
	if route.IsReserved([]byte(prefix)) {
		return "channels that begin with " + route.Reserved + " are the relay's own, without patterns"
	}
	if len(prefix) > longest {
		return fmt.Sprintf("it is over %s (%d)", patternKey(cfg, r.maxName), longest)
	}
	for rt := range r.table.Reachable([]byte(prefix)) {
		if rt.Subscribe {
			return ""
		}
	}
	return "no route that it reaches has subscribe: true"
}
