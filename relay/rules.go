package relay

// The rules of one moment: routes with their schemas. A reload replaces them as a
// whole.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/glob"
	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

// rules is immutable.
type rules struct {
	table    *route.Table
	counters []*monitor.Route          // by Route.Index
	meters   map[*route.Policy]*meters // of the policies that have a rate
	schemas  *schema.Set
	warnings []string // of what does less than it seems to, and of schemas that no route needs
	patterns []string // texts of which a pattern must begin with one; empty: any pattern
}

// newRules compiles the schemas and builds the table. It joins all errors.
func newRules(cfg *config.Config, m *monitor.Metrics) (*rules, error) {
	set, warnings, err := loadSchemas(cfg)
	if err != nil {
		return nil, err
	}
	table, err := newTable(cfg, set)
	if err != nil {
		return nil, err
	}
	r := &rules{
		table: table, schemas: set, warnings: append(cfg.Doubts(), warnings...), patterns: cfg.Limits.PatternPrefixes,
		meters: map[*route.Policy]*meters{},
	}
	for _, rt := range table.Routes() {
		r.counters = append(r.counters, m.Route(rt.Name))
		newMeters(rt, r.meters)
	}
	return r, nil
}

// loadSchemas compiles the schemas. While no route has one they need not be there,
// and what is wrong with one is a warning, so that it is known before a route does.
func loadSchemas(cfg *config.Config) (set *schema.Set, warnings []string, err error) {
	set, err = schema.Load(cfg.Schemas.Dir, string(cfg.Schemas.Draft))
	needed := slices.ContainsFunc(cfg.Routes, func(r config.Route) bool { return r.Schema != "" })
	switch {
	case err == nil:
		return set, doubts(set), nil
	case needed && errors.Is(err, schema.ErrFolder):
		return nil, nil, fmt.Errorf("schemas: %w", err)
	case needed:
		return nil, nil, err
	case errors.Is(err, schema.ErrFolder) && errors.Is(err, fs.ErrNotExist):
		return &schema.Set{}, nil, nil
	}
	for problem := range strings.SplitSeq(err.Error(), "\n") { // a line for each file
		warnings = append(warnings, "no route has a schema yet, but one would fail: "+problem)
	}
	return &schema.Set{}, warnings, nil
}

// doubts says what of schemas does less than it seems to.
func doubts(set *schema.Set) (warnings []string) {
	const most = 10 // of one file
	of := map[string]int{}
	for _, d := range set.Doubts() {
		text := doubtWords(d)
		if text == "" {
			continue
		}
		if of[d.File]++; of[d.File] <= most {
			warnings = append(warnings, text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if more := of[name] - most; more > 0 {
			warnings = append(warnings, fmt.Sprintf("schema %s: %d more of these", name, more))
		}
	}
	return warnings
}

// doubtWords returns what is to be said of a doubt, empty if it is none after all.
func doubtWords(d schema.Doubt) string {
	meant, near := config.Typo(d.Name, d.Among)
	place := "schema " + d.File + ": " + d.Pointer
	switch {
	case near && d.Why == "":
		return fmt.Sprintf("%s: %q checks nothing: no draft has that keyword; did you mean %q?", place, d.Name, meant)
	case near:
		return fmt.Sprintf("%s: %q checks nothing: %s; did you mean %q?", place, d.Name, d.Why, meant)
	case d.Why == "":
		return ""
	}
	return fmt.Sprintf("%s: %q checks nothing: %s", place, d.Name, d.Why)
}

func newTable(cfg *config.Config, set *schema.Set) (*route.Table, error) {
	var routes []*route.Route
	var errs []error
	for i := range cfg.Routes {
		rt, err := newRoute(&cfg.Routes[i], set)
		if err != nil {
			errs = append(errs, fmt.Errorf("routes[%d].schema: %w", i, unknownSchema(cfg, cfg.Routes[i].Schema, set.Names())))
		}
		routes = append(routes, rt)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	open := config.NewRoute("")
	open.Publish = cfg.Unrouted == config.UnroutedAllow
	open.Subscribe = open.Publish
	unrouted, err := newRoute(&open, set)
	if err != nil {
		return nil, err
	}
	unrouted.Name = "unrouted"
	return route.New(routes, unrouted)
}

// unknownSchema says what a route may have meant by the name of a schema.
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
	checker, err := set.Checker(c.Schema, c.Kind)
	if err != nil {
		return nil, err
	}
	r := &route.Route{
		Prefix:     c.Prefix,
		Name:       c.Prefix,
		Publish:    c.Publish,
		Subscribe:  c.Subscribe,
		Publishers: c.PublishUIDs,
		Listeners:  c.SubscribeUIDs,
		NATS:       c.NATS,
		SchemaName: c.Schema,
		LogInvalid: c.Invalid == config.InvalidLog,
		Policy:     newPolicy(c.Policy),
		Kinds:      map[string]*route.Policy{},
	}
	latestBy := map[string]string{}
	for kind, p := range c.Kinds {
		policy := newPolicy(p)
		r.Kinds[kind] = &policy
		latestBy[kind] = p.LatestBy
	}
	if c.Schema != "" || len(c.Kinds) > 0 || c.Policy.LatestBy != "" {
		r.Checker = checker.Keyed(c.Policy.LatestBy, latestBy) // otherwise there is nothing to look for in a payload
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
	if p.History != nil {
		r.History = &route.History{Length: p.History.Length, TTL: p.History.TTL}
	}
	return r
}

// mode is a policy in the words of the hub.
func mode(p *route.Policy) (m hub.Mode) {
	if p.Slow == route.SlowDrop {
		m |= hub.ModeDrop
	}
	if p.DeliverOne {
		m |= hub.ModeOne
	}
	return m
}

// logSchemas says how the schemas of the routes are checked, and what is wrong with
// others.
func (r *rules) logSchemas(log *zap.Logger) {
	for _, warning := range r.warnings {
		log.Warn(warning)
	}
	used := map[string]bool{}
	for _, rt := range r.table.Routes() {
		used[rt.SchemaName] = true
	}
	var quick []string
	for _, name := range r.schemas.Names() {
		why := fallback(r.schemas, name)
		switch {
		case !used[name]:
		case why == "":
			quick = append(quick, name)
		default:
			log.Warn("a schema is not compiled: to check a message costs some three times as much",
				zap.String("schema", name), zap.String("because_of", why))
		}
	}
	if len(quick) > 0 {
		log.Info("schemas compiled", zap.Strings("schemas", quick))
	}
}

// fallback returns the keyword for which a schema is not compiled, and the limit that it meets; empty if it is.
func fallback(set *schema.Set, name string) string {
	checker, err := set.Checker(name, "")
	if err != nil {
		return "" // of its own names it knows all
	}
	_, why := checker.Compiled()
	return why
}

// onGap says how the listeners of a name learn of a gap: by being disconnected, if
// the route or any of its kinds asks for that, since nobody knows what was lost.
// For a pattern that is decided by the prefix that all its matches have.
func (r *rules) onGap(kind resp.Kind, name string) route.OnGap {
	channel := []byte(name)
	if kind == resp.PMessage {
		channel = glob.Literal(channel)
	}
	rt := r.table.Lookup(channel)
	for _, p := range rt.Kinds {
		if p.OnGap == route.GapDisconnect {
			return route.GapDisconnect
		}
	}
	return rt.Policy.OnGap
}

// allowsPattern tells whether a pattern begins as patterns must.
func (r *rules) allowsPattern(literal []byte) bool {
	return len(r.patterns) == 0 || slices.ContainsFunc(r.patterns, func(prefix string) bool {
		return bytes.HasPrefix(literal, []byte(prefix))
	})
}

// barred returns a route that a name can hear and a user may not listen to, or nil.
func (r *rules) barred(by respserver.User, kind resp.Kind, name []byte) *route.Route {
	if kind != resp.PMessage {
		if rt := r.table.Lookup(name); !rt.Listeners.Admit(by.UID, by.Known) {
			return rt
		}
		return nil
	}
	for rt := range r.table.Reachable(glob.Literal(name)) {
		if !rt.Listeners.Admit(by.UID, by.Known) {
			return rt
		}
	}
	return nil
}

// historic tells whether messages that a name catches may be kept.
func (r *rules) historic(kind resp.Kind, name string) bool {
	switch kind {
	case resp.Message:
		return r.table.Lookup([]byte(name)).HasHistory()
	case resp.PMessage:
		for rt := range r.table.Reachable(glob.Literal([]byte(name))) {
			if rt.HasHistory() {
				return true
			}
		}
	}
	return false
}

// history tells whether anything is kept at all.
func (r *rules) history() bool { return r.historic(resp.PMessage, "*") }

// prefixes lists the routes, as events name them.
func (r *rules) prefixes() []string {
	var list []string
	for _, rt := range r.table.Routes() {
		list = append(list, rt.Prefix)
	}
	return list
}
