package policy

// Which upstream a channel is on, and which a pattern can reach.

import (
	"bytes"
	"fmt"
	"slices"

	"redis-relay/config"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// mainUpstream is where channels are that no route covers.
var mainUpstream = route.Upstream{Name: config.MainUpstream, Heard: 1}

// placeRoute notes on which of the upstreams a route is, and which others it uses.
func placeRoute(rt *route.Route, cfg *config.Config, i int, upstreams []string) error {
	c, find := &cfg.Routes[i], &finder{upstreams: upstreams, route: i}
	rt.Upstream = route.Upstream{Name: c.Upstream, Index: find.index("upstream", c.Upstream)}
	rt.Upstream.Heard = 1 << rt.Upstream.Index
	for at, name := range c.AlsoSubscribe {
		rt.Upstream.Heard |= 1 << find.index(fmt.Sprintf("also_subscribe[%d]", at), name)
	}
	if m := c.Mirror; m != nil {
		rt.Mirror = &route.Mirror{Index: find.index("mirror.upstream", m.Upstream), Percent: m.Percent}
	}
	return find.err
}

// finder finds the upstreams that a route names.
type finder struct {
	upstreams []string
	route     int
	err       error // about the first that does not exist
}

// index returns the index of the upstream that a key names.
func (f *finder) index(key, name string) int {
	index := slices.Index(f.upstreams, name)
	if index < 0 && f.err == nil {
		f.err = fmt.Errorf("routes[%d].%s: the relay has no connection to %q, which came to upstreams since it "+
			"started; restart the relay", f.route, key, name)
	}
	return max(0, index)
}

// Place returns which upstream a channel is on. The relay's own channels are on main, whatever routes cover their
// names. The caller must not change the result.
func (r *Rules) Place(channel []byte) *route.Upstream {
	if route.IsReserved(channel) {
		return &mainUpstream
	}
	return &r.table.Lookup(channel).Upstream
}

// IsShard reports whether a name is a shard channel at Redis.
func (r *Rules) IsShard(kind resp.Kind, name []byte) bool {
	switch kind {
	case resp.SMessage:
		return true
	case resp.Message:
		return !route.IsReserved(name) && r.table.Lookup(name).Sharded
	}
	return false
}

// HasSharded reports whether any route has shard channels on an upstream.
func (r *Rules) HasSharded(upstream int) bool {
	return slices.ContainsFunc(r.table.Routes(), func(rt *route.Route) bool {
		return rt.Sharded && rt.Upstream.Index == upstream
	})
}

// Heard returns the upstreams whose messages a name can bring to local listeners: bit i stands for the upstream of
// index i. It is never 0.
func (r *Rules) Heard(kind resp.Kind, name []byte) (upstreams uint32) {
	if kind != resp.PMessage {
		return r.Place(name).Heard
	}
	for rt := range r.table.Reachable(prefixOf(kind, name)) {
		upstreams |= rt.Upstream.Heard
	}
	return upstreams
}

// Placed lists the upstreams of the channels that a pattern may match.
func (r *Rules) Placed(pattern []byte) (upstreams []int) {
	for rt := range r.table.Reachable(prefixOf(resp.PMessage, pattern)) {
		upstreams = append(upstreams, rt.Upstream.Index)
	}
	slices.Sort(upstreams)
	return slices.Compact(upstreams)
}

// Moved lists the prefixes of channels that are on another upstream than by earlier rules, and for which one of the two
// upstreams is heard only before, or only since. Messages on those may be missed while a relay takes the rules over.
func (r *Rules) Moved(earlier *Rules) (prefixes []string) {
	return r.Changed(earlier, func(prefix []byte) bool { return r.moved(earlier, prefix) })
}

// Changed lists the prefixes of routes, by these rules or by earlier ones, for which has returns true, in order.
func (r *Rules) Changed(earlier *Rules, has func(prefix []byte) bool) (prefixes []string) {
	for _, rt := range slices.Concat(earlier.Routes(), r.Routes()) {
		if !slices.Contains(prefixes, rt.Prefix) && has([]byte(rt.Prefix)) {
			prefixes = append(prefixes, rt.Prefix)
		}
	}
	slices.Sort(prefixes)
	return prefixes
}

// moved is Moved for one channel.
func (r *Rules) moved(earlier *Rules, channel []byte) bool {
	was, is := earlier.Place(channel), r.Place(channel)
	return !is.Hears(was.Index) || !was.Hears(is.Index)
}

// MovedName tells whether a name may bring messages of channels that Moved is about. prefixes are those of Moved.
func (r *Rules) MovedName(earlier *Rules, prefixes []string, kind resp.Kind, name string) bool {
	literal := prefixOf(kind, []byte(name))
	if r.moved(earlier, literal) {
		return true
	}
	return kind == resp.PMessage && slices.ContainsFunc(prefixes, func(prefix string) bool {
		return bytes.HasPrefix([]byte(prefix), literal)
	})
}
