// This file maps RELAY_* variables to keys.

package config

import (
	"fmt"
	"reflect"
	"strings"
)

// envPrefix begins the name of every variable that is meant for the relay.
const envPrefix = "RELAY_"

// envName derives a key's variable. Names are looked up, never taken apart, so
// the underscores within keys do no harm.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// addEnv lays the variables over what is there. It returns a warning for each
// RELAY_* variable that names no key: they are not errors, since others put
// variables into a process's environment too.
func (l *loader) addEnv(env []string) (warnings []string) {
	byName := make(map[string]field, len(leaves))
	names := make([]string, 0, len(leaves))
	for _, f := range leaves {
		name := envName(f.name)
		byName[name] = f
		names = append(names, name)
	}
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		f, known := byName[name]
		switch {
		case known && (text != "" || f.typ.Kind() == reflect.String):
			l.addText(f, name, text)
		case known, !strings.HasPrefix(name, envPrefix), isServiceLink(name):
		default:
			warnings = append(warnings, unknownVariable(name, names))
		}
	}
	return warnings
}

// isServiceLink recognises what Kubernetes sets in every pod beside a Service
// that is called relay: RELAY_SERVICE_HOST, RELAY_PORT, RELAY_PORT_6379_TCP.
func isServiceLink(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	return rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_")
}

func unknownVariable(name string, known []string) string {
	if near, _ := nearest(name, known); near != "" {
		return fmt.Sprintf("%s: unknown variable, ignored; the nearest known is %s", name, near)
	}
	return fmt.Sprintf("%.80s…: unknown variable, ignored", name)
}
