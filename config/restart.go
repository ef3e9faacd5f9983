package config

// This file tells what a reload can change from what needs a restart.

import "strings"

// Restart lists the key paths whose values differ between two configurations
// and only take effect in a new process. Routes, schemas, unrouted, limits, dead_letters,
// alerts.spike and log.level are not among them: they reload live. So does another command for credentials.
func Restart(running, next *Config) []string {
	var changed []string
	for _, f := range leaves {
		key, ofMain := strings.CutPrefix(f.name, "redis.")
		if f.name == upstreamsPath || live(f.name) || ofMain && running.Redis.reloads(next.Redis, key) {
			continue
		}
		if running.text(f) != next.text(f) {
			changed = append(changed, f.name)
		}
	}
	return append(changed, upstreamChanges(running, next, true)...)
}

// live reports whether a running relay takes over a new value of a key.
func live(path string) bool {
	switch path {
	case routesPath, "unrouted", "log.level":
		return true
	default:
		group, _, _ := strings.Cut(path, ".")
		return group == "limits" || group == "schemas" || group == "dead_letters" || strings.HasPrefix(path, "alerts.spike.")
	}
}
