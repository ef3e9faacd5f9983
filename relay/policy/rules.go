package policy

// Rules: routes with their schemas, rates and limits, as one immutable value.

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

// Rules holds the routes, schemas, rates and limits of one configuration. It is immutable, apart from the rates
// that it meters. It is safe for concurrent use.
type Rules struct {
	access

	meters   map[*route.Policy]*meters // of the policies that have a rate
	schemas  *schema.Set
	sides    map[string]side // by prefix; see Compare
	warnings []string        // see Warnings

	maxPayload int // bytes
}

// New compiles the schemas and builds the rules. The error joins all that is wrong.
func New(cfg *config.Config) (*Rules, error) { return NewFor(cfg, cfg.UpstreamNames()) }

// NewFor is New for a relay with certain upstreams: those are the only ones that routes may name.
func NewFor(cfg *config.Config, upstreams []string) (*Rules, error) {
	set, warnings, err := loadSchemas(cfg)
	if err != nil {
		return nil, err
	}
	table, err := newTable(cfg, set, upstreams)
	if err != nil {
		return nil, err
	}
	r := &Rules{
		access:  access{table: table, patterns: cfg.Limits.PatternPrefixes, maxName: int(cfg.Limits.Name)},
		schemas: set, warnings: append(cfg.Warnings(), warnings...),
		meters: map[*route.Policy]*meters{}, sides: newSides(cfg, set), maxPayload: int(cfg.Limits.Payload),
	}
	for _, rt := range table.Routes() {
		newMeters(rt, r.meters)
	}
	return r, nil
}

// Route returns the route of a channel. It is never nil.
func (r *Rules) Route(channel []byte) *route.Route { return r.table.Lookup(channel) }

// Routes returns every route, by Route.Index. The caller must not change the slice.
func (r *Rules) Routes() []*route.Route { return r.table.Routes() }

// Prefixes lists the prefixes of the routes that hear an upstream, as events name them. Sharded routes may be left out.
func (r *Rules) Prefixes(upstream int, sharded bool) []string {
	return r.prefixes(func(rt *route.Route) bool { return rt.Upstream.Hears(upstream) && (sharded || !rt.Sharded) })
}

// NATSPrefixes lists the prefixes of the routes for NATS clients.
func (r *Rules) NATSPrefixes() []string {
	return r.prefixes(func(rt *route.Route) bool { return rt.NATS })
}

func (r *Rules) prefixes(of func(*route.Route) bool) (list []string) {
	for _, rt := range r.table.Routes() {
		if of(rt) {
			list = append(list, rt.Prefix)
		}
	}
	return list
}

// OnGap says how the listeners of a name learn of a gap. They are disconnected if the route or any of its kinds
// asks for that, because the kinds of lost messages are not known. A pattern has the route of the text with which
// it begins.
func (r *Rules) OnGap(kind resp.Kind, name string) route.OnGap {
	rt := r.table.Lookup(prefixOf(kind, []byte(name)))
	for _, p := range rt.Kinds {
		if p.OnGap == route.GapDisconnect {
			return route.GapDisconnect
		}
	}
	return rt.Policy.OnGap
}

// MayHaveHistory reports whether messages that a name matches may be persisted in an upstream.
func (r *Rules) MayHaveHistory(upstream int, kind resp.Kind, name string) bool {
	switch kind {
	case resp.Message:
		rt := r.table.Lookup([]byte(name))
		return rt.HasHistory() && rt.Upstream.Hears(upstream)
	case resp.PMessage:
		for rt := range r.table.Reachable(prefixOf(kind, []byte(name))) {
			if rt.HasHistory() && rt.Upstream.Hears(upstream) {
				return true
			}
		}
	}
	return false
}

// HasHistory reports whether messages with history of any route are heard from an upstream.
func (r *Rules) HasHistory(upstream int) bool { return r.MayHaveHistory(upstream, resp.PMessage, "*") }

// Writes reports whether any route has messages with history published or mirrored to an upstream.
func (r *Rules) Writes(upstream int) bool {
	return slices.ContainsFunc(r.table.Routes(), func(rt *route.Route) bool {
		isThere := rt.Upstream.Index == upstream || rt.Mirror != nil && rt.Mirror.Index == upstream
		return isThere && rt.Publish && rt.HasHistory()
	})
}

// KeepsDead reports whether any route keeps refused messages in an upstream.
func (r *Rules) KeepsDead(upstream int) bool {
	return slices.ContainsFunc(r.table.Routes(), func(rt *route.Route) bool {
		return rt.Upstream.Index == upstream && len(DeadStreams(rt)) > 0
	})
}

func newTable(cfg *config.Config, set *schema.Set, upstreams []string) (*route.Table, error) {
	var routes []*route.Route
	var errs []error
	for i := range cfg.Routes {
		errs = append(errs, unknownSchemas(cfg, i, set.Names()))
		rt, err := newRoute(&cfg.Routes[i], set)
		if err != nil && !errors.Is(err, schema.ErrUnknown) {
			errs = append(errs, err)
		}
		if err == nil {
			errs = append(errs, placeRoute(rt, cfg, i, upstreams))
		}
		routes = append(routes, rt)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	open := config.NewRoute("")
	open.Publish = cfg.Unrouted == config.UnroutedAllow
	open.Subscribe = open.Publish
	unrouted, err := newRoute(&open, set)
	if err != nil {
		return nil, err
	}
	unrouted.Name, unrouted.Upstream = "unrouted", mainUpstream
	return route.New(routes, unrouted)
}

// unknownSchemas returns the errors for the schemas of a route that do not exist.
func unknownSchemas(cfg *config.Config, i int, names []string) error {
	var errs []error
	for _, name := range cfg.Routes[i].Schemas() {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("routes[%d].schema: %w", i, unknownSchema(cfg, name, names)))
		}
	}
	return errors.Join(errs...)
}

// unknownSchema returns the error for a schema name that does not exist, with the name that may have been meant.
func unknownSchema(cfg *config.Config, name string, names []string) error {
	near, ok := config.Nearest(name, names)
	if with := name + ".json"; slices.Contains(names, with) {
		near, ok = with, true
	}
	way := "it has " + strings.Join(names, ", ")
	switch {
	case ok:
		way = "did you mean " + near + "?"
	case len(names) == 0:
		way = "it has none; put the file there"
	}
	return fmt.Errorf("%w %q in the folder %s: %s", schema.ErrUnknown, name, cfg.Schemas.Dir, way)
}

func newRoute(c *config.Route, set *schema.Set) (*route.Route, error) {
	r := &route.Route{
		Prefix:     c.Prefix,
		Name:       c.Prefix,
		Before:     c.Before(),
		Publish:    c.Publish,
		Subscribe:  c.Subscribe,
		Publishers: c.PublishUIDs,
		Listeners:  c.SubscribeUIDs,
		NATS:       c.NATS,
		Last:       c.Last,
		Sharded:    c.Sharded,
		SchemaName: strings.Join(c.Schemas(), ", "),
		Schemas:    c.Schemas(),
		LogInvalid: c.Invalid == config.InvalidLog,
		Dead: route.DeadLetters{
			Invalid: c.InvalidDead, TooLarge: c.TooLarge.Stream, Refused: c.Refused.Stream,
		},
		Policy: newPolicy(c.Policy),
		Kinds:  map[string]*route.Policy{},
	}
	latestBy := map[string]string{}
	for kind, p := range c.Kinds {
		policy := newPolicy(p)
		r.Kinds[kind] = &policy
		latestBy[kind] = p.LatestBy
	}
	if c.Schema == "" && len(c.Kinds) == 0 && c.Policy.LatestBy == "" {
		return r, nil // there is nothing to look for in a payload
	}
	var checkers []*schema.Checker
	for _, name := range append([]string{c.Schema}, c.OlderSchemas...) {
		checker, err := set.Checker(name, c.Kind)
		if err != nil {
			return nil, err
		}
		checkers = append(checkers, checker.Keyed(c.Policy.LatestBy, latestBy))
	}
	if r.Checker = checkers[0]; len(checkers) > 1 {
		r.Checker = schema.NewEither(checkers, nil)
	}
	return r, nil
}

func newPolicy(p config.Policy) route.Policy {
	var r route.Policy
	switch p.Slow {
	case config.SlowDrop:
		r.Slow = route.SlowDrop
	case config.SlowLatest:
		r.Slow, r.LatestBy = route.SlowLatest, p.LatestBy
	}
	if p.OnGap == config.OnGapNotify {
		r.OnGap = route.GapNotify
	}
	r.DeliverOne = p.Deliver == config.DeliverOne
	r.Rate = route.Rate{PerSecond: p.Rate.Limit, Burst: p.Rate.Burst, Alert: p.Rate.Alert}
	r.RateDead = p.Rate.DeadLetter
	if p.History != nil {
		r.History = &route.History{Length: p.History.Length, TTL: p.History.TTL}
	}
	return r
}
