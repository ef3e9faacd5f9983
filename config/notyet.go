package config

// This file lists the features of the configuration that this version refuses.
// A row is removed when its feature arrives; nothing else depends on it.

// unsupported is such a feature.
type unsupported struct {
	feature string
	instead string                 // the way out
	used    func(*Config) []string // the key paths that ask for it
}

var notYet = []unsupported{
	{
		"history on a Redis Cluster",
		"take history out, or put the route on an upstream in mode single or sentinel",
		func(c *Config) (paths []string) {
			for i := range c.Routes {
				if r := &c.Routes[i]; c.anyCluster(r.upstreams()) {
					paths = append(paths, r.histories(item(routesPath, i))...)
				}
			}
			return paths
		},
	},
	{
		"history on a sharded route",
		"take history out, or sharded",
		func(c *Config) (paths []string) {
			for i := range c.Routes {
				if r := &c.Routes[i]; r.Sharded {
					paths = append(paths, r.histories(item(routesPath, i))...)
				}
			}
			return paths
		},
	},
	{
		"a last value on a sharded route",
		"take last out, or sharded",
		func(c *Config) (paths []string) {
			for i := range c.Routes {
				if r := &c.Routes[i]; r.Sharded && r.Last {
					paths = append(paths, join(item(routesPath, i), "last"))
				}
			}
			return paths
		},
	},
	{
		"a stream for dead letters on a Redis Cluster",
		"take it out, or put the route on an upstream in mode single or sentinel",
		func(c *Config) (paths []string) {
			for i := range c.Routes {
				if r := &c.Routes[i]; c.anyCluster([]string{r.Upstream}) {
					paths = append(paths, r.deadLetters(item(routesPath, i))...)
				}
			}
			return paths
		},
	},
	{
		"the lease of leaf nodes on a Redis Cluster",
		"take nats.leaf out, or make main an upstream in mode single or sentinel",
		func(c *Config) []string {
			if c.NATS.Leaf.URL != "" && c.anyCluster([]string{MainUpstream}) {
				return []string{"nats.leaf.url"}
			}
			return nil
		},
	},
}

// anyCluster reports whether one of the upstreams is a Redis Cluster.
func (c *Config) anyCluster(names []string) bool {
	for _, name := range names {
		if c.Upstream(name).Mode == ModeCluster {
			return true
		}
	}
	return false
}

// histories lists the paths of the histories of a route at path: its own, and those that only kinds have.
func (r *Route) histories(path string) (paths []string) {
	if r.Policy.History != nil {
		return []string{join(path, "history")}
	}
	for _, name := range r.kindNames() {
		if r.Kinds[name].History != nil {
			paths = append(paths, join(join(join(path, "kinds"), name), "history"))
		}
	}
	return paths
}

// deadLetters lists the paths of the streams for dead letters that a route at path names.
func (r *Route) deadLetters(path string) (paths []string) {
	note := func(stream, path, key string) {
		if stream != "" {
			paths = append(paths, join(join(path, key), "dead_letter"))
		}
	}
	note(r.InvalidDead, path, "invalid")
	note(r.TooLarge.Stream, path, "too_large")
	note(r.Refused.Stream, path, "redis_refused")
	note(r.Policy.Rate.DeadLetter, path, "rate")
	for _, name := range r.kindNames() {
		if kind := r.Kinds[name].Rate.DeadLetter; kind != r.Policy.Rate.DeadLetter {
			note(kind, join(join(path, "kinds"), name), "rate")
		}
	}
	return paths
}

// checkSupported refuses what this version would have to ignore.
func (v *validator) checkSupported() {
	for _, row := range notYet {
		for _, path := range row.used(v.cfg) {
			v.add(path, ErrUnsupported, "%s is %w; %s", row.feature, ErrUnsupported, row.instead)
		}
	}
}
