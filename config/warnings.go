package config

// Warnings: what of a valid configuration has no effect.

import (
	"fmt"
	"slices"
	"strings"
)

// Warnings lists, for people, settings that are valid but cannot be meant. Each text begins with the key that it is
// about.
func (c *Config) Warnings() []string {
	return slices.Concat(c.warnUpstreams(), c.warnRoutes(), c.warnLimits())
}

func (c *Config) warnRoutes() (list []string) {
	natsIsOff := c.NATS.Listen == "" && c.NATS.Leaf.URL == ""
	for i := range c.Routes {
		r, path := &c.Routes[i], item(routesPath, i)
		if before, _, found := strings.Cut(r.Prefix, "*"); found {
			list = append(list, fmt.Sprintf("%s.prefix: %q is plain text, and covers only channels with a * in "+
				"their names; write %q", path, r.Prefix, before))
		}
		if r.NATS && natsIsOff {
			list = append(list, path+".nats: has no effect, since nobody can connect by NATS; set nats.listen or nats.leaf.url")
		}
	}
	return list
}

func (c *Config) warnLimits() (list []string) {
	l := c.Limits
	if l.Payload > l.Queue {
		list = append(list, fmt.Sprintf("limits.payload: is %v, more than limits.queue (%v): a listener that does not read "+
			"so large a message at once is disconnected, or misses it; raise limits.queue, or lower limits.payload",
			l.Payload, l.Queue))
	}
	if l.Payload > l.Memory {
		list = append(list, fmt.Sprintf("limits.payload: is %v, more than limits.memory (%v), which bounds what waits for "+
			"all clients; raise limits.memory, or lower limits.payload", l.Payload, l.Memory))
	}
	return list
}
