// This file lists the features of the configuration that this version refuses.
// A row is removed when its feature arrives; nothing else depends on it.

package config

// notYet holds, for each such feature, the key paths that ask for it.
var notYet = []struct {
	feature string
	used    func(*Config) []string
}{
	{"redis.mode cluster", whole("redis.mode", func(c *Config) bool { return c.Redis.Mode == ModeCluster })},
	{"slow: latest", perPolicy("slow", func(p Policy) bool { return p.Slow == SlowLatest })},
}

// checkSupported refuses what this version would have to ignore.
func (v *validator) checkSupported() {
	for _, row := range notYet {
		for _, path := range row.used(v.cfg) {
			v.add(path, ErrUnsupported, "%s: %w", row.feature, ErrUnsupported)
		}
	}
}

// whole looks at a feature of the whole relay.
func whole(path string, used func(*Config) bool) func(*Config) []string {
	return func(c *Config) []string {
		if used(c) {
			return []string{path}
		}
		return nil
	}
}

// perPolicy looks at a feature of a policy. A kind that has it from its route
// is not named.
func perPolicy(key string, used func(Policy) bool) func(*Config) []string {
	return func(c *Config) (found []string) {
		for i := range c.Routes {
			r := &c.Routes[i]
			path := item(routesPath, i)
			if used(r.Policy) {
				found = append(found, join(path, key))
				continue
			}
			for _, name := range r.kindNames() {
				if used(r.Kinds[name]) {
					found = append(found, join(join(join(path, "kinds"), name), key))
				}
			}
		}
		return found
	}
}
