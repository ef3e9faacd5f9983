package config

// This file lists the keys of a route for people.

import "reflect"

// RouteKeys lists the keys of a route, those of history and rate by their paths, such as
// "rate.limit". They have no variable.
func RouteKeys() []Key {
	defaults := NewRoute("")
	defaults.Policy.OnGap = "" // it hangs on history
	var keys []Key
	for _, f := range routeLeaves(reflect.TypeFor[Route](), "") {
		key := Key{Path: f.name, Help: routeHelp[f.name], Values: words[f.typ]}
		value, err := reflect.ValueOf(defaults).FieldByIndexErr(f.index)
		if err == nil && f.typ.Kind() != reflect.Map { // else it is of the history, or the kinds, that there are not
			key.Default = plainText(value)
		}
		keys = append(keys, key)
	}
	return keys
}

// routeLeaves is leavesOf for a route, whose history may be absent.
func routeLeaves(t reflect.Type, path string) (found []field) {
	for _, f := range fieldsOf(t) {
		f.name = join(path, f.name)
		inner := f.typ
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct {
			found = append(found, f)
			continue
		}
		for _, leaf := range routeLeaves(inner, f.name) {
			leaf.index = append(append([]int{}, f.index...), leaf.index...)
			found = append(found, leaf)
		}
	}
	return found
}

// routeHelp says what each key of a route is for.
var routeHelp = map[string]string{
	"prefix": "what the channels begin with: plain text, and no other route's; the longest one decides",
	"rename": "what Redis calls the channels: a text and {name}, as in acme:{name}; empty: the same",
	"schema": "file in the schemas folder, or a list of them of which one must accept a message, newest first; " +
		"empty: any bytes pass",
	"evolve": "changes of the schema that a reload refuses: backward: if a message that was valid is not any more; " +
		"forward: if one is valid that was not; full: if either; none: no change",
	"upstream":        "the Redis where its channels are, by its name in upstreams; main is redis",
	"also_subscribe":  "other upstreams whose messages listeners get, too, while publishers move",
	"mirror.upstream": "another upstream, to which a share of what local processes publish goes, too; required",
	"mirror.percent":  "how much of it, more than 0 and at most 100; required",
	"last":            "whether who subscribes to a channel by its name gets its newest message first",
	"sharded": "whether its channels are shard channels at Redis (7.0 or newer): SSUBSCRIBE and SPUBLISH there, " +
		"whatever local clients use",
	"publish":        "whether local processes may publish",
	"subscribe":      "whether local processes may listen",
	"publish_uids":   "user ids whose processes may publish; empty: all that may connect",
	"subscribe_uids": "user ids whose processes may listen and read; empty: all that may connect",
	"invalid": "a message that the schema refuses: reject it, or log and count it only; with a stream for dead letters " +
		"{reject: true, dead_letter: KEY}",
	"kind":           "top-level JSON field that names a message's kind",
	"nats":           "whether NATS clients may do what local processes may",
	"history.length": "about how many messages of a channel are kept; required",
	"history.ttl":    "how long they are kept after the last message; 0s: for ever, as without it",
	"slow":           "a listener that does not keep up: disconnect it, drop messages, or keep the latest one only",
	"latest_by":      "with slow: latest, top-level JSON field of which it gets the newest of each value",
	"on_gap": "how listeners learn that messages may be lost: disconnect, or notify on relay:events; " +
		"notify where the route or a kind has history",
	"deliver":    "to all local listeners of a channel, or to one of them in turn",
	"rate.limit": "messages/s of one channel; 0: no limit",
	"rate.burst": "messages at once; 0: as many as limit, rounded up",
	"rate.alert": "messages/s of one channel above which relay:events tells of it; 0: none",
	"kinds":      "per kind of message, what differs of history, slow, latest_by, on_gap, deliver, rate",

	"too_large.dead_letter":     "stream at Redis that keeps what is known of messages over limits.payload; empty: none",
	"redis_refused.dead_letter": "stream at Redis that keeps publishes that Redis refuses; empty: none",
	"rate.dead_letter":          "stream at Redis that keeps messages over rate.limit; empty: none",
}
