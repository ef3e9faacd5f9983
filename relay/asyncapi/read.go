package asyncapi

// Reading a document as routes.

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/config"
)

// Routes is what a document says in the terms of relay.yaml.
type Routes struct {
	Routes    []config.StarterRoute
	Schemas   map[string][]byte // files for the schemas folder, by name
	RedisURL  string            // of the one server that is a Redis, without credentials; "": there is none, or several
	Upstreams map[string]string // the addresses of the Redises other than main, by the names that routes have for them
	Unrouted  string            // the setting; "": the document says nothing of it
	Notes     []string          // for people: what the routes say less exactly than the document
}

// Read reads an AsyncAPI document of version 2 or 3. The error joins what is wrong with all channels, each with its
// file and line. The schemas that are returned are valid.
func Read(path string) (*Routes, error) {
	r, err := newReader(path)
	if err != nil {
		return nil, err
	}
	channels, err := r.channels()
	if err != nil {
		return nil, err
	}
	result := &Routes{}
	if result.Unrouted, err = r.unrouted(); err != nil {
		return nil, err
	}
	if result.RedisURL, r.upstreams, err = r.addresses(); err != nil {
		return nil, err
	}
	result.Upstreams = r.upstreams
	if result.Routes, err = r.routes(channels); err != nil {
		return nil, err
	}
	if result.Schemas, err = r.units.write(); err != nil {
		return nil, err
	}
	if err := tryLoad(result.Schemas); err != nil {
		return nil, fmt.Errorf("%s: its schemas are not valid for the relay: %w", path, err)
	}
	if len(channels) == 0 {
		r.note("the document has no channels, so there are no routes")
	}
	result.Notes = r.notes
	return result, nil
}

// reader reads one document.
type reader struct {
	files files
	root  spot
	old   bool // version 2
	units *units
	notes []string

	upstreams map[string]string // see Routes
}

// newReader opens a document of version 2 or 3.
func newReader(path string) (*reader, error) {
	r := &reader{files: files{roots: map[string]*yaml.Node{}}}
	root, err := r.files.open(path)
	if err != nil {
		return nil, err
	}
	r.root = root
	switch version := textOf(get(root.node, "asyncapi")); {
	case strings.HasPrefix(version, "3."):
	case strings.HasPrefix(version, "2."):
		r.old = true
	case get(root.node, "asyncapi") == nil:
		return nil, root.wrong("has no key asyncapi, so it is no AsyncAPI document")
	default:
		return nil, root.child("asyncapi").wrong("must say a version 2 or 3, as a text: %s", version)
	}
	r.units = newUnits(&r.files, root, r.old)
	return r, nil
}

func (r *reader) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// routes makes the routes of channels. The error joins what is wrong with all of them.
func (r *reader) routes(channels []*channel) (routes []config.StarterRoute, err error) {
	var errs []error
	first := map[string]*channel{}
	for _, c := range channels {
		route, err := r.route(c)
		if err == nil && first[route.Prefix] != nil {
			err = c.address.wrong("the prefix is %q, as that of %s; join the two channels", route.Prefix, first[route.Prefix].id)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		first[route.Prefix] = c
		routes = append(routes, route)
	}
	return routes, errors.Join(errs...)
}

// route makes the route of a channel.
func (r *reader) route(c *channel) (config.StarterRoute, error) {
	address := textOf(c.address.node)
	prefix, exact, err := prefixOf(address)
	if err != nil {
		return config.StarterRoute{}, c.address.wrong("%w", err)
	}
	route := config.StarterRoute{Prefix: prefix}
	own := c.spot.child(extension)
	if _, err := own.pairs(); err != nil {
		return route, err
	}
	if route.Keys, err = keysOf(c, own.node); err != nil {
		return route, own.wrong("%w", err)
	}
	if err := r.try(route); err != nil {
		return route, c.spot.wrong("%s", strings.ReplaceAll(err.Error(), "routes[0].", ""))
	}
	if exact {
		r.note("%s: %q is one channel; the route is for all that begin so", c.id, address)
	}
	route.Schemas, err = r.schemasOf(c, prefix)
	return route, err
}

// try judges a route by itself. It says unrouted: deny, since with allow a rename could be refused for names that
// another route of the document takes away.
func (r *reader) try(route config.StarterRoute) error {
	_, _, err := config.Starter{
		Settings: map[string]string{"unrouted": string(config.UnroutedDeny)}, Upstreams: r.upstreams,
		Routes: []config.StarterRoute{route},
	}.Text()
	return err
}

// unrouted is the setting of that name.
func (r *reader) unrouted() (string, error) {
	own := r.root.child(extension)
	if _, err := own.pairs(); err != nil {
		return "", err
	}
	at := own.child("unrouted")
	switch value := textOf(at.node); {
	case at.node == nil, value == string(config.UnroutedAllow), value == string(config.UnroutedDeny):
		return value, nil
	}
	return "", at.wrong("must be %s or %s", config.UnroutedAllow, config.UnroutedDeny)
}

// keysOf returns the keys of a route besides its prefix and schemas, as YAML.
func keysOf(c *channel, own *yaml.Node) (string, error) {
	keys := mapping()
	if c.operated {
		for _, p := range []struct {
			key     string
			allowed bool
		}{{"publish", c.sends}, {"subscribe", c.receives}} {
			if !p.allowed && get(own, p.key) == nil {
				set(keys, p.key, boolean(false))
			}
		}
	}
	for _, p := range pairs(own) {
		if p.key != "schema" && p.key != "prefix" {
			set(keys, p.key, p.value)
		}
	}
	if len(keys.Content) == 0 {
		return "", nil
	}
	var text strings.Builder
	err := writeYAML(&text, keys)
	return text.String(), err
}
