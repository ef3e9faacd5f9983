package config

// This file lists the keys for --help, the man page, completion, and for the making of flags.

import (
	"reflect"
	"slices"
)

// Key is one key of relay.yaml that takes a single value or a list of them.
type Key struct {
	Path    string   // "redis.publish_timeout"; the flag is --redis.publish_timeout
	Env     string   // "RELAY_REDIS_PUBLISH_TIMEOUT"
	Default string   // as it is written in the file
	Help    string   // one line
	Values  []string // all there are, where there are few; else nil
}

// Keys lists every key but routes and upstreams, in the order of relay.yaml.
func Keys() []Key {
	defaults := Default()
	var keys []Key
	for _, f := range leaves {
		if structured(f.name) {
			continue
		}
		keys = append(keys, Key{
			Path:    called(f.name),
			Env:     envName(called(f.name)),
			Default: defaults.text(f),
			Help:    help[called(f.name)],
			Values:  valuesOf(f),
		})
	}
	return keys
}

// valuesOf lists the words that a leaf may be, without those that this version refuses.
func valuesOf(f field) []string {
	return slices.DeleteFunc(slices.Clone(words[f.typ]), func(word string) bool {
		c := Default()
		reflect.ValueOf(&c).Elem().FieldByIndex(f.index).SetString(word)
		return slices.ContainsFunc(notYet, func(row unsupported) bool { return slices.Contains(row.used(&c), f.name) })
	})
}

// The two keys whose values are no scalars and no lists of them.
const (
	routesPath    = "routes"
	upstreamsPath = "upstreams"
)

// structured tells whether a leaf has keys of its own below it.
func structured(path string) bool { return path == routesPath || path == upstreamsPath }

// The variables that hold the routes and the upstreams, as YAML. There are no flags for them.
const (
	RoutesEnv    = envPrefix + "ROUTES"
	UpstreamsEnv = envPrefix + "UPSTREAMS"
)

// paths lists the path of every leaf.
func paths() []string {
	all := make([]string, len(leaves))
	for i, f := range leaves {
		all[i] = called(f.name)
	}
	return all
}

// text returns a leaf's value as it is written in the file.
func (c *Config) text(f field) string {
	return plainText(reflect.ValueOf(c).Elem().FieldByIndex(f.index))
}

// help says what each key is for.
var help = map[string]string{
	"redis.mode":              "single, sentinel or cluster",
	"redis.url":               "redis://, rediss:// or unix://; embedded: a Redis inside the relay, for development",
	"redis.password_file":     "file that holds the Redis password",
	"redis.sentinel.username": "user at the sentinels themselves, with mode sentinel; empty: the one before the @ in url",
	"redis.tls.ca":            "PEM file of the authorities to trust, with rediss://",
	"redis.tls.cert":          "PEM file of the client certificate",
	"redis.tls.key":           "PEM file of the client certificate's key",
	"redis.prefix":            "text before the names of all channels and keys at Redis, such as acme:; empty: none",
	"redis.publish_timeout":   "how long a PUBLISH, and a question, waits for a lost Redis",
	"redis.probe_interval":    "how often the relay publishes to itself to prove delivery",
	"redis.alert_after":       "failed attempts in a row before an alert",
	"redis.required":          "whether the relay is ready only with this Redis",
	"socket.path":             "Unix socket that clients connect to",
	"socket.mode":             "octal permissions of the socket",
	"socket.group":            "group of the socket, by name or number",
	"socket.allow_uids":       "user ids that may connect; empty: any",
	"socket.allow_gids":       "group ids that may connect; empty: any",
	"socket.tcp":              "host:port on which clients connect by TCP, too; empty: off",
	"socket.password_file":    "file that holds the password that clients must give on TCP",
	"nats.listen":             "host:port of the embedded NATS server; empty: off",
	"nats.token_file":         "file that holds the token NATS clients must give",
	"nats.leaf.url":           "NATS cluster to be a leaf node of, such as tls://host:7422; empty: none",
	"nats.leaf.credentials":   "file of credentials, or of an nkey seed, for nats.leaf.url",
	"nats.leaf.ca":            "PEM file of the authorities to trust, with tls:// in nats.leaf.url",
	"http.listen":             "host:port of health, metrics and the status page; empty: off",
	"http.hosts":              "names by which it may be asked, beside localhost and IP addresses",
	"http.token_file":         "file that holds the token to give, but for /livez and /readyz; empty: none",
	"http.payloads":           "show the beginning of refused payloads",
	"http.pprof":              "serve profiles of the process at /debug/pprof/",
	"traces.endpoint":         "URL of an OTLP/HTTP receiver, such as http://127.0.0.1:4318; empty: off",
	"traces.sample":           "share of messages without a traceparent that are traced, from 0 to 1",
	"traces.field":            "top-level JSON field of the payload that holds the publisher's traceparent",
	"log.level":               "debug, info, warn or error",
	"log.format":              "console or json",
	"alerts.spike.factor":     "times its usual rate at which a channel is told of; 0: none",
	"alerts.spike.floor":      "messages/s of a channel below which nothing is a spike",
	"limits.clients":          "connections on the socket and by TCP",
	"limits.subscriptions":    "channels and patterns of one client",
	"limits.patterns":         "patterns of one client",
	"limits.name":             "size of the name of one channel, or of one pattern",
	"limits.pattern_length":   "size of one pattern",
	"limits.pattern_prefixes": "texts of which a pattern must begin with one; empty: any pattern",
	"limits.payload":          "size of one message",
	"limits.queue":            "output that may wait for one client",
	"limits.queue_age":        "how long it may wait; 0s: for ever",
	"limits.memory":           "what may wait, and be kept, for all clients",
	"limits.publish_window":   "publishes of one client that may wait for Redis",
	"limits.command_timeout":  "how long a client may take to send one command; 0s: for ever",
	"dead_letters.length":     "about how many refused messages each stream of dead letters keeps",
	"dead_letters.ttl":        "how long it is kept after the last one; 0s: for ever",
	"dead_letters.rate":       "refused messages/s that the relay sends there at most",
	"schemas":                 "folder of JSON Schema files",
	"schemas.draft":           "draft of files without a known $schema: 4, 6, 7, 2019-09 or 2020-12",
	"unrouted":                "allow or deny: channels that no route covers",

	"redis.sentinel.password_file": "file that holds the password for the sentinels themselves, with mode sentinel",

	"redis.credentials.command": "program and arguments that print the user and the password as JSON; empty: none",
	"redis.credentials.refresh": "longest time between two runs of that program; 0s: by the expiry, or 10m",

	"alerts.webhook":            "http:// or https:// URL to which alerts are posted as JSON; empty: none",
	"alerts.webhook_token_file": "file that holds the bearer token for alerts.webhook",
}
