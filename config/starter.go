package config

// This file writes a relay.yaml to begin with.

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Starter describes a relay.yaml to begin with.
type Starter struct {
	Settings  map[string]string // key path -> text, as flags have it
	Upstreams map[string]string // the addresses of those other than main, by name
	Routes    []StarterRoute
}

// StarterRoute is a route of a Starter.
type StarterRoute struct {
	Prefix  string
	Schemas []string // files in the schemas folder
	Keys    string   // further keys, as YAML on lines of their own: see Route.Written
}

// basics are keys that a starter has, commented out, though nobody has set them.
var basics = []string{
	"redis.url", "redis.password_file", "socket.path", "socket.mode", "socket.group", "http.listen", "log.format",
	"limits.payload", "limits.memory", "schemas", "unrouted",
}

const starterHead = `# The settings of redis-relay, made by redis-relay init. What is commented out is the
# default; redis-relay help lists all keys. After a change:
#
#   redis-relay check      tells what is wrong, or what holds for which channel
#
# A running relay takes over routes, schemas, unrouted, limits, dead_letters, alerts.spike,
# log.level, the command of credentials and the password in socket.password_file within
# two seconds; the rest needs a restart.
`

const starterRoutes = `
# What holds for the channels that begin with a prefix; the longest prefix decides, and
# the rest follows unrouted. A route may also have:
#
#     schema: chat.json                 # JSON Schema in the schemas folder: others are rejected
#     publish: false                    # local processes only listen
#     history: {length: 1000, ttl: 72h} # kept in Redis, and read back with XRANGE
#     rate: {limit: 10, burst: 20}      # messages/s of each channel
#     slow: drop                        # or latest: for what is worthless when it is old
#     kinds:                            # what differs for a kind, by the field "type"
#       typing: {slow: drop, history: null}
`

// Text returns the file, which is valid but for what it may lack, redis.url. What is wrong
// with a setting is told as of a flag. secret says that a password stands in it.
func (d Starter) Text() (text string, secret bool, err error) {
	cfg, err := d.read()
	if err != nil {
		return "", false, err
	}
	secret = cfg.Redis.Redacted() != cfg.Redis.URL || cfg.NATS.Leaf.Redacted() != cfg.NATS.Leaf.URL ||
		cfg.Alerts.Redacted() != cfg.Alerts.Webhook
	for _, r := range cfg.Upstreams {
		secret = secret || r.Redacted() != r.URL
	}
	w := &starterWriter{cfg: cfg, settings: d.Settings}
	w.b.WriteString(starterHead)
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		switch {
		case f.name == upstreamsPath:
			w.writeUpstreams(d.Upstreams)
		case !structured(f.name):
			w.write(f, f.name, "")
		}
	}
	w.b.WriteString(starterRoutes)
	if len(d.Routes) == 0 {
		w.b.WriteString("routes: []\n")
	} else {
		w.writeRoutes(d.Routes)
	}
	return w.b.String(), secret, w.err
}

// read judges what the file will say.
func (d Starter) read() (*Config, error) {
	cfg, errs := load(Source{Flags: d.Settings})
	if cfg == nil {
		return nil, errors.Join(errs...)
	}
	routes, err := d.routes()
	if err != nil {
		errs = append(errs, err)
	}
	cfg.Routes = routes
	cfg.Upstreams = make(map[string]Redis, len(d.Upstreams))
	for name, url := range d.Upstreams {
		one := defaultUpstream()
		one.URL = url
		cfg.Upstreams[name] = one
	}
	for _, problem := range cfg.problems() {
		if !follows(problem, errs, cfg.sources) && (problem.Path != "redis.url" || cfg.Redis.URL != "") {
			errs = append(errs, problem)
		}
	}
	return cfg, errors.Join(errs...)
}

// routes reads the routes as they will be written. What is wrong with their keys is told as of a file.
func (d Starter) routes() ([]Route, error) {
	if len(d.Routes) == 0 {
		return nil, nil
	}
	w := &starterWriter{}
	w.writeRoutes(d.Routes)
	root, err := parse(in(""), []byte(w.b.String()))
	if err = errors.Join(w.err, err); err != nil {
		return nil, err
	}
	c := newChecker(in(""))
	c.check(root, reflect.TypeFor[Config](), "")
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	var tree struct{ Routes []map[string]any }
	if err := root.Decode(&tree); err != nil {
		return nil, err
	}
	list := make([]Route, len(tree.Routes))
	for i, written := range tree.Routes {
		if list[i], err = resolveRoute(written); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// starterWriter writes the text of a Starter.
type starterWriter struct {
	cfg      *Config
	settings map[string]string
	b        strings.Builder
	err      error
}

// write writes a key, or a group of keys as far as there is something to say of it.
func (w *starterWriter) write(f field, path, indent string) {
	if f.typ.Kind() != reflect.Struct {
		w.writeKey(path, f.name, indent)
		return
	}
	var wanted []string
	for _, leaf := range leaves {
		if within(leaf.name, path) && w.wants(leaf.name) {
			wanted = append(wanted, leaf.name)
		}
	}
	switch {
	case len(wanted) == 0:
		return
	case len(wanted) == 1 && wanted[0] == shortFor[path]:
		w.writeKey(wanted[0], f.name, indent)
		return
	}
	if indent == "" {
		w.b.WriteByte('\n')
	}
	fmt.Fprintf(&w.b, "%s%s:\n", indent, f.name)
	for _, inner := range fieldsOf(f.typ) {
		w.write(inner, join(path, inner.name), indent+"  ")
	}
}

func (w *starterWriter) wants(path string) bool {
	_, set := w.settings[called(path)]
	return set || slices.Contains(basics, called(path))
}

// writeKey writes a key under the name that it has in its group.
func (w *starterWriter) writeKey(path, name, indent string) {
	if !w.wants(path) {
		return
	}
	if indent == "" {
		w.b.WriteByte('\n')
	}
	path = called(path)
	fmt.Fprintf(&w.b, "%s# %s\n%s", indent, help[path], indent)
	leaf, _ := leafAt(path)
	value := w.value(reflect.ValueOf(w.cfg).Elem().FieldByIndex(leaf.index))
	if _, set := w.settings[path]; !set {
		w.b.WriteString("# ")
		if path == "redis.url" {
			value = "redis://host:6379"
		}
	}
	fmt.Fprintf(&w.b, "%s: %s\n", name, value)
}

// writeUpstreams writes the addresses of upstreams.
func (w *starterWriter) writeUpstreams(urls map[string]string) {
	if len(urls) == 0 {
		return
	}
	w.b.WriteString("\n# Other Redises, for routes that say upstream.\nupstreams:\n")
	for _, name := range slices.Sorted(maps.Keys(urls)) {
		fmt.Fprintf(&w.b, "  %s:\n    url: %s\n", w.value(reflect.ValueOf(name)), w.value(reflect.ValueOf(urls[name])))
	}
}

func (w *starterWriter) writeRoutes(routes []StarterRoute) {
	w.b.WriteString("routes:\n")
	for _, r := range routes {
		fmt.Fprintf(&w.b, "  - prefix: %s\n", w.value(reflect.ValueOf(r.Prefix)))
		switch len(r.Schemas) {
		case 0:
		case 1:
			fmt.Fprintf(&w.b, "    schema: %s\n", w.value(reflect.ValueOf(r.Schemas[0])))
		default:
			fmt.Fprintf(&w.b, "    schema: %s\n", w.value(reflect.ValueOf(r.Schemas)))
		}
		for line := range strings.Lines(r.Keys) {
			w.b.WriteString("    " + line)
		}
	}
}

// value is a value as it is written in one line.
func (w *starterWriter) value(v reflect.Value) string {
	n := render(v)
	switch n.Kind {
	case yaml.SequenceNode:
		n.Style = yaml.FlowStyle
	case yaml.ScalarNode:
		if n.Tag == "!!str" && strings.ContainsAny(n.Value, ": #") || n.Value == "" {
			n.Style = yaml.DoubleQuotedStyle
		}
	}
	text, err := yaml.Marshal(n)
	w.err = errors.Join(w.err, err)
	return strings.TrimSpace(string(text))
}
