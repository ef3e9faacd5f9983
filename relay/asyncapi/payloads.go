package asyncapi

// The payloads of a channel as the schemas of a route.

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// payload is the schema of a message.
type payload struct {
	message string // its name in the document
	spot    spot
	format  string // schemaFormat; "": AsyncAPI's own
}

// schemasOf returns the schema files of a channel's route. There are none if any bytes may pass.
func (r *reader) schemasOf(c *channel, prefix string) ([]string, error) {
	var list []payload
	for _, m := range c.messages {
		p, err := r.payloadOf(m)
		switch {
		case err != nil:
			return nil, err
		case p == nil:
			return nil, nil // any bytes may be this message
		case !slices.ContainsFunc(list, func(o payload) bool { return o.spot.node == p.spot.node }):
			list = append(list, *p)
		}
	}
	if names, err := r.ownSchemas(c); names != nil || err != nil {
		return names, err
	}
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		name, err := r.units.file(list[0], stem(prefix, "messages"))
		return []string{name}, err
	}
	name, err := r.units.either(list, stem(prefix, "messages"))
	return []string{name}, err
}

// payloadOf returns the schema of a message, nil if the message may be anything.
func (r *reader) payloadOf(m spot) (*payload, error) {
	s := m.child("payload")
	if s.node == nil {
		return nil, nil //nolint:nilnil // no payload is no mistake
	}
	contentType := textOf(get(m.node, "contentType"))
	if contentType == "" {
		contentType = textOf(get(r.root.node, "defaultContentType"))
	}
	if contentType != "" && !isJSON(contentType) {
		r.note("%s: its content is %s, so the route has no schema", strings.TrimPrefix(m.at, "/"), contentType)
		return nil, nil //nolint:nilnil // as above
	}
	p := &payload{message: m.at[strings.LastIndexByte(m.at, '/')+1:], spot: s}
	if r.old {
		p.format = textOf(get(m.node, "schemaFormat"))
	}
	var err error
	if p.spot, p.format, err = r.units.schemaAt(p.spot, p.format); err != nil {
		return nil, err
	}
	if _, err := draftOf(p.format); err != nil {
		return nil, p.spot.wrong("%w", err)
	}
	return p, nil
}

var jsonType = regexp.MustCompile(`(?i)^[\w.+-]+/([\w.-]+\+)?json\s*(;|$)`)

func isJSON(contentType string) bool { return jsonType.MatchString(contentType) }

// ownSchemas returns the schemas that x-redis-relay names, if the messages are those that New makes of them.
func (r *reader) ownSchemas(c *channel) ([]string, error) {
	pointers, err := c.spot.child(extension).child("schema").items()
	if err != nil {
		return nil, err
	}
	refs := list()
	for _, p := range pointers {
		if textOf(p.node) == "" {
			return nil, p.wrong("must be a JSON pointer to a schema of the document, such as #/components/schemas/chat")
		}
		refs.Content = append(refs.Content, refTo(textOf(p.node)))
	}
	var part *yaml.Node
	switch len(refs.Content) {
	case 0:
		return nil, nil
	case 1:
		part = refs.Content[0]
	default:
		part = mapping(pair{"anyOf", refs})
	}
	for _, m := range c.messages {
		if !isOf(get(m.node, "payload"), part) {
			r.note("%s: its messages have changed since redis-relay wrote them, so their schemas hold, not those of %s",
				c.id, extension)
			return nil, nil
		}
	}
	var names []string
	for _, p := range pointers {
		target, err := r.files.resolve(p, textOf(p.node))
		if err != nil {
			return nil, err
		}
		s, format, err := r.units.schemaAt(target, "")
		if err != nil {
			return nil, err
		}
		name, err := r.units.file(payload{spot: s, format: format}, "messages")
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// isOf reports whether a payload is a base, or the base and what a kind adds to it.
func isOf(payload, part *yaml.Node) bool {
	if inner := get(payload, "schema"); inner != nil && get(payload, "schemaFormat") != nil {
		payload = inner
	}
	if sameSchema(payload, part) {
		return true
	}
	all := items(get(payload, "allOf"))
	return len(pairs(payload)) == 1 && len(all) == 2 && sameSchema(all[0], part) && isNarrowed(all[1])
}

// isNarrowed reports whether a schema is one that narrowed makes.
func isNarrowed(n *yaml.Node) bool {
	fields := pairs(get(n, "properties"))
	if len(fields) != 1 || len(pairs(fields[0].value)) != 1 {
		return false
	}
	word := pairs(fields[0].value)[0]
	return sameSchema(n, narrowed(word.key, word.value, fields[0].key)) && (word.key == "const" || word.key == "enum")
}

// sameSchema compares references as New writes them: with or without the schema within a Multi Format Schema Object.
func sameSchema(a, b *yaml.Node) bool {
	if a == nil {
		return false
	}
	plain := func(n *yaml.Node) []byte {
		return bytes.ReplaceAll(appendJSON(nil, n, ""), []byte(`/schema"`), []byte(`"`))
	}
	return bytes.Equal(plain(a), plain(b))
}
