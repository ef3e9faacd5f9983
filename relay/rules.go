package relay

// The rules of one moment, with the counters of their routes. A reload replaces them as a whole.

import (
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/checks"
	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/names"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

// rules is immutable.
type rules struct {
	*policy.Rules
	names    []*names.Map     // what each upstream calls channels, by its index; nil: as they are called here
	shards   map[int]int      // the place of the hub of shard channels, by the index of an upstream that is a cluster
	counters []*monitor.Route // by Route.Index
	evolved  []string         // warnings about schemas that have changed
}

// newRules makes the rules of a relay that has the upstreams, and their prefixes, of the configuration at its start.
func newRules(cfg, start *config.Config, m *monitor.Metrics) (*rules, error) {
	upstreams := start.UpstreamNames()
	decided, err := policy.NewFor(cfg, upstreams)
	if err != nil {
		return nil, err
	}
	r := &rules{Rules: decided, shards: map[int]int{}}
	for i, name := range upstreams {
		if start.Upstream(name).Mode == config.ModeCluster {
			r.shards[i] = len(upstreams) + len(r.shards)
		}
		r.names = append(r.names, names.New(start.Upstream(name).Prefix, i, decided))
	}
	for _, rt := range decided.Routes() {
		if either, ok := rt.Checker.(*schema.Either); ok {
			rt.Checker = either.Counting(matchCounter(m, rt))
		}
		if len(rt.Schemas) > 0 {
			rt.Checker = checks.Timed(rt.Checker, m.SchemaCheck)
		}
		r.counters = append(r.counters, m.Route(rt.Name))
	}
	return r, nil
}

// matchCounter counts which schema of a route accepts a message.
func matchCounter(m *monitor.Metrics, rt *route.Route) func(i int) {
	var counters []monitor.Counter
	for _, name := range rt.Schemas {
		counters = append(counters, m.SchemaMatches(rt.Name, name))
	}
	return func(i int) { counters[i].Inc() }
}

// namesOf returns the names of the upstream of a channel.
func (r *rules) namesOf(channel string) *names.Map {
	return r.names[r.Place([]byte(channel)).Index]
}

// renamed lists the prefixes of channels that have another text before their names at Redis than by earlier rules.
func (r *rules) renamed(earlier *rules) (prefixes []string) {
	return r.Changed(earlier.Rules, func(prefix []byte) bool {
		return earlier.Route(prefix).Before != r.Route(prefix).Before
	})
}

// places is for hub.Group.
func (r *rules) places(kind resp.Kind, name string) hub.Places {
	places := hub.Places(r.Heard(kind, []byte(name)))
	if len(r.shards) > 0 && r.IsShard(kind, []byte(name)) {
		for upstream, place := range r.shards {
			if places.Has(upstream) {
				places = places&^(1<<upstream) | 1<<place
			}
		}
	}
	return places
}

// follow says whether the rules may take the place of others: not if they break what a route says by evolve. What
// cannot be decided is a warning.
func (r *rules) follow(running *rules) error {
	errs := []error{r.keepsSharded(running)}
	for _, e := range policy.Compare(running.Rules, r.Rules, true) {
		warnings, err := e.Judge()
		errs = append(errs, err)
		r.evolved = append(r.evolved, warnings...)
	}
	return errors.Join(errs...)
}

// keepsSharded returns an error if other channels are sharded than by earlier rules.
func (r *rules) keepsSharded(earlier *rules) error {
	prefixes := r.Changed(earlier.Rules, func(prefix []byte) bool {
		return earlier.Route(prefix).Sharded != r.Route(prefix).Sharded
	})
	if len(prefixes) == 0 {
		return nil
	}
	return fmt.Errorf("routes: sharded has changed for channels that begin with %q, which a reload cannot take over; "+
		"restart the relay", prefixes[0])
}

// tell says how the schemas of the routes are checked, and what is wrong with others.
func (r *rules) tell(teller *notice.Teller) {
	for _, warning := range append(slices.Clip(r.Warnings()), r.evolved...) {
		teller.Log(notice.SettingWarning.With(warning))
	}
	var compiled []string
	for _, s := range r.UsedSchemas() {
		if s.Fallback == "" {
			compiled = append(compiled, s.Name)
			continue
		}
		teller.Log(notice.SchemaSlow, zap.String("schema", s.Name), zap.String("because_of", s.Fallback))
	}
	if len(compiled) > 0 {
		teller.Log(notice.SchemasCompiled, zap.Strings("schemas", compiled))
	}
}
