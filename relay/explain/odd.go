package explain

// Warnings about what in a configuration can never take effect.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/names"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/schema"
)

// ofOwnChannels are the shipped schemas of what the relay itself publishes. They are for programs that read that.
var ofOwnChannels = []string{"events.json", "rejects.json"}

// Odd lists, for people, what in a configuration can never take effect: routes and patterns that the limits leave
// nothing, schemas that no route uses, and kinds that a schema refuses. rules were built from cfg.
func Odd(cfg *config.Config, rules *policy.Rules) []string {
	list := append(rules.Odd(cfg), crossing(cfg, rules)...)
	survey, err := schema.Look(cfg.Schemas.Dir, string(cfg.Schemas.Draft))
	if err != nil {
		return list // no route has a schema: else there would be no rules
	}
	used := slices.Clone(ofOwnChannels)
	for i := range cfg.Routes {
		used = append(used, cfg.Routes[i].Schemas()...)
		list = append(list, oddKinds(survey, &cfg.Routes[i])...)
	}
	if names := survey.Unused(used); len(names) > 0 {
		list = append(list, "no route uses these schemas: "+strings.Join(names, ", "))
	}
	return list
}

// oddKinds warns of kinds with a policy that no message can have: no schema of the route accepts one. With invalid: log
// any kind may come.
func oddKinds(survey *schema.Survey, r *config.Route) (list []string) {
	names := r.Schemas()
	if len(names) == 0 || r.Invalid == config.InvalidLog {
		return nil
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		if !slices.ContainsFunc(names, func(name string) bool { return survey.MayBe(name, r.Kind, kind) }) {
			list = append(list, fmt.Sprintf("route %q: no message has the kind %q: that text in the field %q is refused by %s",
				r.Prefix, kind, r.Kind, strings.Join(names, " and by ")))
		}
	}
	return list
}

// crossing tells of patterns that are several at Redis, since they match channels that are called differently there.
func crossing(cfg *config.Config, rules *policy.Rules) (list []string) {
	begin := []string{""}
	if len(cfg.Limits.PatternPrefixes) > 0 {
		begin = slices.Clone(cfg.Limits.PatternPrefixes) // which is sorted below
	}
	for i := range cfg.Routes {
		begin = append(begin, cfg.Routes[i].Prefix)
	}
	slices.Sort(begin)
	begin = slices.Compact(begin)
	for i, name := range cfg.UpstreamNames() {
		if m := names.New(cfg.Upstream(name).Prefix, i, rules); m.HasRenames() {
			list = append(list, crossingAt(m, rules, begin)...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// crossingAt is crossing for one upstream, and for the patterns that take in all that begins so.
func crossingAt(m *names.Map, rules *policy.Rules, begin []string) (list []string) {
	for _, prefix := range begin {
		pattern := prefix + "*"
		at := m.Patterns("", pattern)
		if len(at) > 1 && rules.MaySubscribe(policy.User{}, resp.PMessage, []byte(pattern)) == nil {
			list = append(list, fmt.Sprintf("the pattern %s crosses renames: it is %s at Redis, and messages that several "+
				"of them match come from there as often", policy.Printable(pattern), strings.Join(at, " and ")))
		}
	}
	return list
}
