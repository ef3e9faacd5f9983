package config

// This file reads and judges the upstreams: the Redises on which channels are.

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// MainUpstream is the name of the upstream that redis.* describes. Routes that name no upstream are there, channels
// that no route covers, and what the relay keeps for itself.
const MainUpstream = "main"

// maxUpstreams is how many upstreams there may be, main among them. A pattern is subscribed at each of them.
const maxUpstreams = 16

// defaultUpstream returns the defaults of an upstream other than main, which are those of redis.* but for required.
func defaultUpstream() Redis {
	r := Default().Redis
	r.Required = false
	return r
}

// UpstreamNames lists the upstreams: main first, the others by their names.
func (c *Config) UpstreamNames() []string {
	return append([]string{MainUpstream}, slices.Sorted(maps.Keys(c.Upstreams))...)
}

// Upstream returns the settings of an upstream. Of an unknown one they are zero.
func (c *Config) Upstream(name string) Redis {
	if name == MainUpstream {
		return c.Redis
	}
	return c.Upstreams[name]
}

// UpstreamKey returns the path of an upstream's keys, as the file has it: "redis", or "upstreams.eu".
func (c *Config) UpstreamKey(name string) string {
	if name == MainUpstream {
		return c.mainPath()
	}
	return join(upstreamsPath, name)
}

// mainPath is the path of main's keys.
func (c *Config) mainPath() string {
	if _, written := c.sources[mainKey]; written {
		return mainKey
	}
	return "redis"
}

// mainKey is the other path of redis.*.
const mainKey = upstreamsPath + "." + MainUpstream

// asWritten returns the path of a key of main for people. Where main is described below upstreams, a variable or a flag
// may still have set the key as redis.*.
func (c *Config) asWritten(path string) string {
	rest, ok := strings.CutPrefix(path, mainKey)
	if _, set := c.sources["redis"+rest]; ok && set {
		return "redis" + rest
	}
	return path
}

// mainTwice is the mistake of a file that describes main as redis and below upstreams.
func mainTwice(sources map[string]string) []error {
	_, first := sources["redis"]
	if where, second := sources[mainKey]; first && second {
		return []error{&KeyError{
			Origin: where, Path: mainKey, Err: ErrInvalid,
			Reason: "is redis, which the file has, too; move its keys here, or take this out",
		}}
	}
	return nil
}

// decodeUpstreams takes the upstreams out of a tree. The keys of main become those of redis. What variables and flags
// say of redis.* is decoded later, and wins.
func (c *Config) decodeUpstreams(tree map[string]any) error {
	written, _ := tree[upstreamsPath].(map[string]any)
	delete(tree, upstreamsPath)
	for name, one := range written {
		keys, _ := one.(map[string]any)
		if name == MainUpstream {
			if err := overlay(&c.Redis, keys); err != nil {
				return err
			}
			continue
		}
		r := defaultUpstream()
		if err := overlay(&r, keys); err != nil {
			return err
		}
		if c.Upstreams == nil {
			c.Upstreams = map[string]Redis{}
		}
		c.Upstreams[name] = r
	}
	return nil
}

// upstreamName is what an upstream may be called: the name is a label of metrics.
var upstreamName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)

func (v *validator) checkUpstreams() {
	if n := len(v.cfg.UpstreamNames()); n > maxUpstreams {
		v.bad(upstreamsPath, "has %d upstreams with main; the relay connects to at most %d", n, maxUpstreams)
	}
	for _, name := range v.cfg.UpstreamNames() {
		at := v.cfg.UpstreamKey(name)
		if !upstreamName.MatchString(name) {
			v.bad(at, "is no name of an upstream; write at most 32 letters, digits, _ and -, as in eu-west")
		}
		(&redisValidator{v.mistakes, at, v.cfg.Upstream(name)}).check()
	}
}

// checkRouteUpstreams judges the upstreams of a route.
func (v *routeValidator) checkUpstreams() {
	r, path := v.route, v.path
	v.checkUpstream(r.Upstream, join(path, "upstream"))
	for i, name := range r.AlsoSubscribe {
		at := item(join(path, "also_subscribe"), i)
		switch {
		case name == r.Upstream:
			v.bad(at, "is the upstream of the route itself; take it out")
		case slices.Contains(r.AlsoSubscribe[:i], name):
			v.bad(at, "%.40q is there twice; take one out", name)
		default:
			v.checkUpstream(name, at)
		}
	}
	v.checkMirror()
}

// checkMirror judges where messages are mirrored to.
func (v *routeValidator) checkMirror() {
	r, m, path := v.route, v.route.Mirror, join(v.path, "mirror")
	if m == nil {
		return
	}
	switch at := join(path, "upstream"); {
	case m.Upstream == r.Upstream:
		v.bad(at, "is the upstream of the route itself; name another one")
	case slices.Contains(r.AlsoSubscribe, m.Upstream):
		v.bad(at, "is in also_subscribe, too: listeners would get messages twice; take one of the two out")
	default:
		v.checkUpstream(m.Upstream, at)
	}
	if !(m.Percent > 0 && m.Percent <= 100) {
		v.bad(join(path, "percent"), "is %v; must be more than 0, and at most 100", m.Percent)
	}
}

// checkUpstream judges the name of an upstream at path.
func (v *routeValidator) checkUpstream(name, path string) {
	names := v.in.UpstreamNames()
	if slices.Contains(names, name) {
		return
	}
	if name == "" {
		v.bad(path, "names no upstream; known are %s", strings.Join(names, ", "))
		return
	}
	way := "known are " + strings.Join(names, ", ") + "; write its address below upstreams"
	if near, ok := Nearest(name, names); ok {
		way = "did you mean " + near + "?"
	} else if len(names) == 1 {
		way = "there is only main; write its address below upstreams"
	}
	v.bad(path, "%.40q is no upstream: %s", name, way)
}

// warnUpstreams is about upstreams that no route uses, and those that are one Redis to a route that uses both.
func (c *Config) warnUpstreams() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		if !slices.ContainsFunc(c.Routes, func(r Route) bool { return r.uses(name) }) {
			list = append(list, c.UpstreamKey(name)+": no route uses it; say upstream: "+name+" on one, or take it out")
		}
	}
	for i := range c.Routes {
		if same := c.sameRedis(&c.Routes[i]); same != "" {
			list = append(list, fmt.Sprintf("%s: its upstreams %s are one Redis with one prefix, so each message comes twice; "+
				"take one out", item(routesPath, i), same))
		}
	}
	return list
}

// sameRedis names two upstreams of a route at which it would use the same channels; empty: there are none.
func (c *Config) sameRedis(r *Route) string {
	names := r.upstreams()
	for i, name := range names {
		for _, other := range names[:i] {
			a, b := c.Upstream(name), c.Upstream(other)
			if name != other && !a.IsEmbedded() && a.URL == b.URL && a.Prefix == b.Prefix {
				return other + " and " + name
			}
		}
	}
	return ""
}

// uses tells whether a route needs an upstream.
func (r Route) uses(name string) bool { return slices.Contains(r.upstreams(), name) }

// upstreams lists the upstreams that a route needs, its own first.
func (r Route) upstreams() []string {
	list := append([]string{r.Upstream}, r.AlsoSubscribe...)
	if r.Mirror != nil {
		list = append(list, r.Mirror.Upstream)
	}
	return list
}

// upstreamChanges lists the paths of what differs in the upstreams but main; with restart only those that need one.
func upstreamChanges(running, next *Config, restart bool) (paths []string) {
	names := slices.Concat(running.UpstreamNames()[1:], next.UpstreamNames()[1:])
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		was, had := running.Upstreams[name]
		is, stays := next.Upstreams[name]
		if !had || !stays {
			paths = append(paths, join(upstreamsPath, name))
			continue
		}
		for _, f := range leavesOf(reflect.TypeFor[Redis](), "") {
			if restart && was.reloads(is, f.name) {
				continue
			}
			if plainText(reflect.ValueOf(was).FieldByIndex(f.index)) != plainText(reflect.ValueOf(is).FieldByIndex(f.index)) {
				paths = append(paths, join(upstreamsPath, name)+"."+f.name)
			}
		}
	}
	return paths
}

// redactedUpstreams returns upstreams fit to be shown.
func redactedUpstreams(all map[string]Redis) map[string]Redis {
	shown := maps.Clone(all)
	for name, r := range shown {
		shown[name] = r.hidden()
	}
	return shown
}
