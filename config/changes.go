package config

// This file says what differs between two configurations.

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Changes lists for people what differs in next: each key with its new and its old
// value, but for URLs and commands, which may hold secrets; and each route with the keys that differ.
func Changes(running, next *Config) []string {
	var list []string
	for _, f := range leaves {
		was, is := running.text(f), next.text(f)
		switch {
		case structured(f.name) || was == is:
		case strings.HasSuffix(f.name, ".url"), f.name == "alerts.webhook", f.name == "redis.credentials.command":
			list = append(list, f.name)
		default:
			list = append(list, fmt.Sprintf("%s: %s, was %s", f.name, shown(is), shown(was)))
		}
	}
	list = append(list, upstreamChanges(running, next, false)...)
	return append(list, routeChanges(byPrefix(running.Routes), byPrefix(next.Routes))...)
}

// shown is a value that can be seen, even if it is empty.
func shown(text string) string {
	if text == "" {
		return `""`
	}
	return text
}

func byPrefix(routes []Route) map[string]Route {
	m := make(map[string]Route, len(routes))
	for _, r := range routes {
		m[r.Prefix] = r
	}
	return m
}

func routeChanges(running, next map[string]Route) (list []string) {
	for _, prefix := range slices.Sorted(maps.Keys(next)) {
		was, old := running[prefix]
		if !old {
			list = append(list, fmt.Sprintf("route %q added", prefix))
			continue
		}
		if keys := differing(was, next[prefix]); len(keys) > 0 {
			list = append(list, fmt.Sprintf("route %q: %s", prefix, strings.Join(keys, ", ")))
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(running)) {
		if _, stays := next[prefix]; !stays {
			list = append(list, fmt.Sprintf("route %q removed", prefix))
		}
	}
	return list
}

// differing names the keys in which two routes differ.
func differing(a, b Route) (keys []string) {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for _, f := range fieldsOf(va.Type()) {
		if !same(va, vb, f.index) || f.more != nil && !same(va, vb, f.more) ||
			f.with != nil && !same(va, vb, f.with) {
			keys = append(keys, f.name)
		}
	}
	return keys
}

func same(a, b reflect.Value, index []int) bool {
	return reflect.DeepEqual(a.FieldByIndex(index).Interface(), b.FieldByIndex(index).Interface())
}
