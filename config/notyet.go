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
		"cluster", "write single or sentinel",
		func(c *Config) (paths []string) {
			for path, r := range c.eachRedis() {
				if r.Mode == ModeCluster {
					paths = append(paths, path+".mode")
				}
			}
			return paths
		},
	},
}

// checkSupported refuses what this version would have to ignore.
func (v *validator) checkSupported() {
	for _, row := range notYet {
		for _, path := range row.used(v.cfg) {
			v.add(path, ErrUnsupported, "%s is %w; %s", row.feature, ErrUnsupported, row.instead)
		}
	}
}
