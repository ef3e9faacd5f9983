package asyncapi

// Schema files as components of one document.

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/relay/schema"
)

// schemasPointer is where the components are.
const schemasPointer = "#/components/schemas/"

// bundle holds schema files as components.
type bundle struct {
	components *yaml.Node
	files      map[string]*component // by the name of the file
	names      taken
}

// component is a schema file within a document.
type component struct {
	source  schema.Source
	name    string
	wrapped bool // it is a Multi Format Schema Object: it is not of draft 7, or refers to one that is not
}

func newBundle() *bundle {
	return &bundle{components: mapping(), files: map[string]*component{}, names: taken{}}
}

// add takes in files, all to which they refer among them.
func (b *bundle) add(sources []schema.Source) error {
	for _, s := range sources {
		name := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s.Name, "https://"), "http://"), ".json")
		b.files[s.Name] = &component{source: s, name: b.names.free(stem(name, "schema")), wrapped: !s.Draft7}
	}
	b.spreadFormats()
	for _, s := range sources {
		n, err := b.write(b.files[s.Name])
		if err != nil {
			return fmt.Errorf("schemas: %s: %w", s.Name, err)
		}
		set(b.components, b.files[s.Name].name, n)
	}
	return nil
}

// spreadFormats wraps what refers to a component that is wrapped: a Schema Object holds schemas of draft 7 alone.
func (b *bundle) spreadFormats() {
	for again := true; again; {
		again = false
		for _, c := range b.files {
			refers := func(p schema.Place) bool { return b.files[p.File].wrapped }
			if !c.wrapped && slices.ContainsFunc(slices.Collect(maps.Values(c.source.Refs)), refers) {
				c.wrapped, again = true, true
			}
		}
	}
}

// write returns a file as a component.
func (b *bundle) write(c *component) (*yaml.Node, error) {
	root, err := parse(c.source.Text)
	if err != nil {
		return nil, err
	}
	for where, place := range c.source.Refs {
		set(at(root, where), "$ref", text(b.pointer(place)))
	}
	for _, name := range c.source.Names {
		cut := strings.LastIndexByte(name, '/')
		remove(at(root, name[:cut]), name[cut+1:])
	}
	if !c.wrapped || !c.source.Named {
		remove(root, "$schema")
	}
	return c.wrap(root), nil
}

// pointer is the reference to a schema.
func (b *bundle) pointer(p schema.Place) string {
	c := b.files[p.File]
	within := c.name
	if c.wrapped {
		within += "/schema"
	}
	u := url.URL{Fragment: strings.TrimPrefix(schemasPointer, "#") + within + p.At}
	return u.String()
}

// wrap says of which draft a schema of the same draft as c is, if that must be said.
func (c *component) wrap(n *yaml.Node) *yaml.Node {
	if !c.wrapped {
		return n
	}
	return mapping(pair{"schemaFormat", text(formatOf(c.source.Draft))}, pair{"schema", n})
}

// formatOf is the schemaFormat of a draft.
func formatOf(draft string) string {
	if len(draft) == 1 {
		draft = "draft-0" + draft
	}
	return "application/schema+json;version=" + draft
}

// base is the schema of a route's messages of all kinds, as a payload and as a part of one; first is the file that
// says the draft.
type base struct {
	payload, part *yaml.Node
	first         *component
	pointers      []string
}

// baseOf returns the base of a route with schemas.
func (b *bundle) baseOf(files []string) *base {
	s := &base{first: b.files[files[0]]}
	var refs []*yaml.Node
	for _, name := range files {
		c := *b.files[name]
		refs = append(refs, refTo(b.pointer(schema.Place{File: name})))
		s.pointers = append(s.pointers, b.pointer(schema.Place{File: name}))
		if c.wrapped {
			first := *s.first
			first.wrapped = true
			s.first = &first
		}
	}
	if len(refs) == 1 {
		s.payload, s.part = refTo(schemasPointer+s.first.name), refs[0]
		return s
	}
	s.part = mapping(pair{"anyOf", list(refs...)})
	s.payload = s.first.wrap(s.part)
	return s
}

// ofKind is the payload of the messages of a kind.
func (s *base) ofKind(field, kind string) *yaml.Node {
	if s == nil {
		return narrowed("const", text(kind), field)
	}
	word, value := "const", text(kind)
	if s.first.source.Draft == "4" {
		word, value = "enum", list(text(kind))
	}
	return s.first.wrap(mapping(pair{"allOf", list(clone(s.part), narrowed(word, value, field))}))
}

// narrowed is the schema of an object whose field says its kind.
func narrowed(word string, value *yaml.Node, field string) *yaml.Node {
	return mapping(
		pair{"type", text("object")},
		pair{"required", list(text(field))},
		pair{"properties", mapping(pair{field, mapping(pair{word, value})})},
	)
}
