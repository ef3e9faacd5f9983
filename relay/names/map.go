package names

// The Map: from the names of clients to those at Redis, and back.

import (
	"slices"
	"strings"

	"redis-relay/relay/glob"
	"redis-relay/relay/route"
)

// Routes is the table of routes. It is policy.Rules.
type Routes interface {
	Route(channel []byte) *route.Route // that of a channel; never nil
	Routes() []*route.Route
}

// Map says what one upstream calls the channels. It is immutable; nil changes no name. The texts before names have
// nothing that is special in a pattern.
type Map struct {
	prefix string // of all names
	routes Routes
	index  int      // of the upstream
	before []string // the texts before the names of channels that are used, each once, the longest first
}

// New returns the Map of an upstream, by its index, for its prefix and the renames of routes. It is nil if there is
// neither.
func New(prefix string, upstream int, routes Routes) *Map {
	m := &Map{prefix: prefix, routes: routes, index: upstream}
	renamed := false
	for _, rt := range routes.Routes() {
		renamed = renamed || rt.Before != ""
		if m.isUsed(rt) && !slices.Contains(m.before, rt.Before) {
			m.before = append(m.before, rt.Before)
		}
	}
	if prefix == "" && !renamed {
		return nil
	}
	slices.SortFunc(m.before, func(a, b string) int { return len(b) - len(a) })
	return m
}

// Same reports whether two Maps of one upstream have the same names for all channels, and for all patterns.
func (m *Map) Same(other *Map) bool {
	if m == nil || other == nil {
		return m == other
	}
	return m.prefix == other.prefix &&
		!slices.ContainsFunc(slices.Concat(m.routes.Routes(), other.routes.Routes()), func(rt *route.Route) bool {
			a, b := m.routes.Route([]byte(rt.Prefix)), other.routes.Route([]byte(rt.Prefix))
			return a.Before != b.Before || m.isUsed(a) != other.isUsed(b)
		})
}

// Prefix returns the text before all names.
func (m *Map) Prefix() string {
	if m == nil {
		return ""
	}
	return m.prefix
}

// HasRenames reports whether channels differ in what Redis has before their names.
func (m *Map) HasRenames() bool {
	return m != nil && (len(m.before) > 1 || len(m.before) == 1 && m.before[0] != "")
}

// Own returns the name at Redis of one of the relay's own channels, or keys.
func (m *Map) Own(name string) string { return m.Prefix() + name }

// Append appends what Redis calls a channel. If the name is one of the relay's own about the channel, own begins it.
func (m *Map) Append(b []byte, own string, channel []byte) []byte {
	if m != nil {
		b = append(b, m.prefix...)
	}
	b = append(b, own...)
	return append(append(b, m.beforeOf(channel)...), channel...)
}

// Of is Append for one name.
func (m *Map) Of(own, channel string) string {
	return m.Prefix() + own + m.beforeOf([]byte(channel)) + channel
}

// beforeOf returns what stands before the name of a channel beside Prefix.
func (m *Map) beforeOf(channel []byte) string {
	if m == nil || route.IsReserved(channel) {
		return ""
	}
	return m.routes.Route(channel).Before
}

// IsUsed reports whether a channel has a name at Redis: nobody may do anything with one that has none.
func (m *Map) IsUsed(channel []byte) bool {
	return m == nil || route.IsReserved(channel) || m.routes.Route(channel).IsUsed()
}

// isUsed reports whether messages of a route may come from the upstream.
func (m *Map) isUsed(rt *route.Route) bool { return rt.IsUsed() && rt.Upstream.Hears(m.index) }

// Cut takes the prefix off a name at Redis. ok is false if it is not there.
func (m *Map) Cut(wire []byte) (rest []byte, ok bool) {
	if m == nil {
		return wire, true
	}
	p := len(m.prefix)
	if len(wire) < p || string(wire[:p]) != m.prefix {
		return nil, false
	}
	return wire[p:], true
}

// Channel returns the channel that Redis calls so, given the name without Prefix, and what stands before it. ok is
// false if no channel that is used, and heard on this upstream, is called so. The result shares the memory of rest.
func (m *Map) Channel(rest []byte) (channel []byte, before string, ok bool) {
	if m == nil {
		return rest, "", true
	}
	for _, before := range m.before {
		n := len(before)
		if len(rest) < n || string(rest[:n]) != before || route.IsReserved(rest[n:]) {
			continue
		}
		if rt := m.routes.Route(rest[n:]); rt.Before == before && m.isUsed(rt) {
			return rest[n:], before, true
		}
	}
	return nil, "", false
}

// FromRedis is Cut and Channel for a whole name.
func (m *Map) FromRedis(wire []byte) (channel []byte, ok bool) {
	rest, ok := m.Cut(wire)
	if ok {
		channel, _, ok = m.Channel(rest)
	}
	return channel, ok
}

// Patterns returns the patterns at Redis that bring all that a client's pattern matches: one, unless it crosses
// renames. own is as in Append.
func (m *Map) Patterns(own, pattern string) (list []string) {
	for _, before := range m.reached(pattern) {
		list = append(list, m.Prefix()+own+before+pattern)
	}
	return list
}

// Everything returns the pattern at Redis that matches all names that begin with Prefix and own.
func (m *Map) Everything(own string) string { return m.Prefix() + own + "*" }

// reached lists what stands before the channels that a pattern may match. It has one text at least.
func (m *Map) reached(pattern string) (list []string) {
	if m == nil {
		return []string{""}
	}
	literal := glob.Literal([]byte(pattern))
	add := func(rt *route.Route) {
		if m.isUsed(rt) && !slices.Contains(list, rt.Before) {
			list = append(list, rt.Before)
		}
	}
	first := m.routes.Route(literal)
	add(first)
	for _, rt := range m.routes.Routes() {
		if len(rt.Prefix) > len(literal) && strings.HasPrefix(rt.Prefix, string(literal)) {
			add(rt)
		}
	}
	if len(list) == 0 {
		return []string{first.Before}
	}
	return list
}

// Pattern returns the client's pattern for which a pattern at Redis has brought a channel, given what stands before
// the channel. ok is false if it is to be heard by another one. The result shares the memory of wire.
func (m *Map) Pattern(wire []byte, before string, channel []byte) (pattern []byte, ok bool) {
	if m == nil {
		return wire, true
	}
	rest, ok := m.Cut(wire)
	n := len(before)
	if !ok || len(rest) < n || string(rest[:n]) != before {
		return nil, false
	}
	pattern = rest[n:]
	if len(channel) == 0 { // Redis has a longer name: see package glob about empty ones
		ok = glob.Match(pattern, channel)
	}
	return pattern, ok
}

// Match reports whether a pattern matches a name, either both of clients or both at Redis.
func Match(pattern, name []byte) bool { return glob.Match(pattern, name) }

// Index finds those of many patterns that match a name, either all of clients or all at Redis.
type Index = glob.Index[struct{}]

// NewIndex returns an empty Index.
func NewIndex() Index { return glob.NewIndex[struct{}]() }
