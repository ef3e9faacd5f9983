package needs

// What keeping refused messages asks of Redis.

import "slices"

// deadLetters lists the keys of all streams for dead letters, each once.
func (c *Config) deadLetters() (keys []string) {
	for _, r := range c.Routes {
		keys = append(keys, r.DeadLetters...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// deadDemands lists what a stream for dead letters needs, by its key in the configuration: to write it, then
// what only redis-relay dead does.
func (c *Config) deadDemands(name string) []Demand {
	key := c.Prefix + name
	begin := c.Prefix + "{" + key + "}:"
	lost, stream, side, beside := "refused messages are not kept in "+key, "~"+key, "~"+begin+"*", begin+ownName
	return []Demand{
		{Command: []string{"XADD", key, "x", "f", "v"}, Rule: stream, Lost: lost, Vital: true},
		{Command: []string{"GET", beside}, Rule: side, Lost: lost, Vital: true},
		{Command: []string{"SET", beside, "x", "x"}, Rule: side, Lost: lost, Vital: true},
		{Command: []string{"PEXPIRE", key, "x"}, Rule: stream, Lost: lost + " as long as dead_letters.ttl says", Vital: true},
		{Command: []string{"XRANGE", key, "x", "x"}, Rule: stream, Lost: "redis-relay dead cannot read " + key},
		{Command: []string{"XREVRANGE", key, "x", "x"}, Rule: stream, Lost: "redis-relay dead cannot replay " + key},
		{Command: []string{"XDEL", key, "x"}, Rule: stream, Lost: "redis-relay dead cannot replay " + key},
	}
}
