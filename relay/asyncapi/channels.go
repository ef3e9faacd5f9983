package asyncapi

// Routes as channels, messages and operations.

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/config"
)

// parameter is the name of what follows the prefix in a channel's name.
const parameter = "name"

// addRoute makes a channel of a route.
func (e *exporter) addRoute(r *config.Route) error {
	if strings.ContainsAny(r.Prefix, "{}") {
		return fmt.Errorf("%q has braces, which mark parameters in the address of a channel in AsyncAPI", r.Prefix)
	}
	name := e.channelNames.free(stem(r.Prefix, "channel"))
	var b *base
	if schemas := r.Schemas(); len(schemas) > 0 {
		b = e.bundle.baseOf(schemas)
	}
	own, err := ownKeys(r, b)
	if err != nil {
		return err
	}
	messages := e.addMessages(r, name, b)
	set(e.channels, name, mapping(
		pair{"address", text(r.Prefix + "{" + parameter + "}")},
		pair{"description", text(fmt.Sprintf("All channels that begin with %q and with no longer prefix here.", r.Prefix) +
			e.where(r))},
		pair{"servers", e.refs(r)},
		pair{"messages", messages},
		pair{"parameters", mapping(pair{parameter, mapping(pair{"description", text("What follows " + r.Prefix)})})},
		pair{"bindings", mapping(pair{"redis", mapping()})},
		pair{extension, someMapping(own)},
	))
	e.addOperation("send", "Publish to", name, r.Prefix, r.Publish, r.PublishUIDs)
	e.addOperation("receive", "Subscribe to", name, r.Prefix, r.Subscribe, r.SubscribeUIDs)
	return nil
}

// ownKeys are the keys of a route that AsyncAPI has no words for.
func ownKeys(r *config.Route, b *base) (*yaml.Node, error) {
	own := mapping()
	if b != nil {
		pointers := list()
		for _, pointer := range b.pointers {
			pointers.Content = append(pointers.Content, text(pointer))
		}
		set(own, "schema", pointers)
	}
	if !r.Publish && !r.Subscribe { // a channel without operations is open
		set(own, "publish", boolean(false))
		set(own, "subscribe", boolean(false))
	}
	written, err := r.Written()
	if err != nil || written == "" {
		return own, err
	}
	rest, err := parse([]byte(written))
	if err != nil {
		return nil, err
	}
	own.Content = append(own.Content, rest.Content...)
	return own, nil
}

// addMessages makes a message for each kind, and one for all others unless there are none.
func (e *exporter) addMessages(r *config.Route, channel string, b *base) *yaml.Node {
	kinds, closed := e.kindsOf(r)
	messages, names := mapping(), taken{}
	add := func(name, component, kind string, payload *yaml.Node) {
		component = e.messageNames.free(component)
		set(e.messages, component, mapping(
			pair{"name", someText(kind)},
			pair{"contentType", contentType(payload)},
			pair{"payload", payload},
		))
		set(messages, names.free(name), refTo("#/components/messages/"+component))
	}
	for _, kind := range kinds {
		name := stem(kind, "kind")
		add(name, channel+"."+name, kind, b.ofKind(r.Kind, kind))
	}
	if !closed {
		var payload *yaml.Node
		if b != nil {
			payload = clone(b.payload)
		}
		name := "message"
		if len(kinds) > 0 {
			name = "other"
		}
		add(name, channel+"."+name, "", payload)
	}
	return messages
}

// contentType is JSON, unless any bytes pass.
func contentType(payload *yaml.Node) *yaml.Node {
	if payload == nil {
		return nil
	}
	return text("application/json")
}

// kindsOf lists the kinds of a route's messages. closed says that they are all.
func (e *exporter) kindsOf(r *config.Route) (kinds []string, closed bool) {
	if r.Kind == "" {
		return nil, false
	}
	schemas := r.Schemas()
	for kind := range r.Kinds {
		may := func(name string) bool { return e.survey.MayBe(name, r.Kind, kind) }
		if len(schemas) == 0 || slices.ContainsFunc(schemas, may) {
			kinds = append(kinds, kind)
		}
	}
	closed = len(schemas) > 0
	for _, name := range schemas {
		named, all := e.survey.Kinds(name, r.Kind)
		kinds, closed = append(kinds, named...), closed && all
	}
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	return kinds, closed && len(kinds) > 0
}

// addOperation says that local processes may do something with a channel.
func (e *exporter) addOperation(action, words, channel, prefix string, allowed bool, uids []uint32) {
	if !allowed {
		return
	}
	var users *yaml.Node
	if len(uids) > 0 {
		users = text("Only the processes of the users with these ids may: " + strings.Trim(fmt.Sprint(uids), "[]") + ".")
	}
	set(e.operations, action+"."+channel, mapping(
		pair{"action", text(action)},
		pair{"channel", refTo("#/channels/" + channel)},
		pair{"summary", text(fmt.Sprintf("%s %s{%s}", words, prefix, parameter))},
		pair{"description", users},
		pair{"bindings", mapping(pair{"redis", mapping()})},
	))
}
