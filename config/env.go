package config

// This file maps RELAY_* variables to keys.

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// envPrefix begins the name of every variable that is meant for the relay.
const envPrefix = "RELAY_"

// programVariable names the relay's program for the scripts that start it, which
// often pass their environment on.
const programVariable = "RELAY_BIN"

// envName derives a key's variable. Names are looked up, never taken apart, so
// the underscores within keys do no harm.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// addEnv lays the variables over what is there. A RELAY_* variable that names no
// key is an error.
func (l *loader) addEnv(env []string) {
	byName := make(map[string]field, len(leaves))
	names := make([]string, 0, len(leaves))
	for _, f := range leaves {
		name := envName(called(f.name))
		byName[name] = f
		names = append(names, name)
	}
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		f, known := byName[name]
		switch {
		case known && (text != "" || f.typ.Kind() == reflect.String):
			l.addText(f, name, text)
		case known, !strings.HasPrefix(name, envPrefix), name == programVariable, isServiceLink(name, text):
		default:
			l.fail(unknownVariable(name, names))
		}
	}
}

// serviceLinks are the variables that Kubernetes sets in every container for a Service
// called relay or relay-…. The values are part of what to look for: RELAY_REDIS_PORT=6379
// is a mistake, not a link to a Service called relay-redis.
var serviceLinks = []struct{ name, value *regexp.Regexp }{
	{regexp.MustCompile(`^RELAY_(\w+_)?SERVICE_HOST$`), regexp.MustCompile(`^([0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$`)},
	{regexp.MustCompile(`^RELAY_(\w+_)?SERVICE_PORT(_\w+)?$`), regexp.MustCompile(`^[0-9]+$`)},
	{
		regexp.MustCompile(`^RELAY_(\w+_)?PORT(_[0-9]+_(TCP|UDP|SCTP))?$`),
		regexp.MustCompile(`^(tcp|udp|sctp)://[^/]+:[0-9]+$`),
	},
	{regexp.MustCompile(`^RELAY_(\w+_)?PORT_[0-9]+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR)$`), regexp.MustCompile(``)},
}

// isServiceLink reports whether Kubernetes has set a variable, and no person.
func isServiceLink(name, value string) bool {
	for _, link := range serviceLinks {
		if link.name.MatchString(name) && link.value.MatchString(value) {
			return true
		}
	}
	return false
}

// unknownVariable does not show the value, which may be a password.
func unknownVariable(name string, known []string) error {
	if len(name) > longestTypo {
		return &KeyError{
			Origin: fmt.Sprintf("%.*s…", longestTypo, name), Err: ErrUnknownKey,
			Reason: "unknown variable; redis-relay help lists the known ones",
		}
	}
	near, _ := Nearest(name, known)
	return &KeyError{Origin: name, Err: ErrUnknownKey, Reason: "unknown variable; the nearest known is " + near}
}
