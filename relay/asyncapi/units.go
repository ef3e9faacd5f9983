package asyncapi

// Schemas of a document as files of the schemas folder.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/relay/schema"
)

// units holds the schemas that become files, in the order in which they were found.
type units struct {
	files *files
	root  spot // of the document
	old   bool // version 2
	names taken
	list  []*unit
	made  map[string]*yaml.Node // files made of several schemas, by name
	ids   map[string]spot       // schemas by their $id
	known map[string]bool       // files whose $id are in ids
}

// unit is a schema that becomes a file.
type unit struct {
	spot   spot
	format string
	name   string // of the file
}

func newUnits(f *files, root spot, old bool) *units {
	u := &units{
		files: f, root: root, old: old, names: taken{},
		made: map[string]*yaml.Node{}, ids: map[string]spot{}, known: map[string]bool{},
	}
	u.names.free(strings.TrimSuffix(schema.ForEditors, ".json"))
	u.index(root.file)
	return u
}

// schemaAt follows a place with a schema to where the schema stands, and returns its format. inherited is the format
// where nothing says another one.
func (u *units) schemaAt(s spot, inherited string) (spot, string, error) {
	start := s
	for range maxReferences {
		if format := textOf(get(s.node, "schemaFormat")); format != "" && get(s.node, "schema") != nil {
			s, inherited = s.child("schema"), format
			continue
		}
		ref := textOf(get(s.node, "$ref"))
		if ref == "" || len(pairs(s.node)) > 1 {
			return s, u.formatAt(s, inherited), nil
		}
		target, err := u.files.resolve(s, ref)
		if err != nil {
			return spot{}, "", err
		}
		s = target
	}
	return spot{}, "", start.wrong("references lead in a circle")
}

// formatAt is the format of a schema that a reference leads to: that of the object around it, AsyncAPI's own within a
// document of version 3, or else that of the schema that refers to it.
func (u *units) formatAt(s spot, inherited string) string {
	if around, ok := strings.CutSuffix(s.at, "/schema"); ok {
		if root, err := u.files.open(s.file); err == nil {
			if format := textOf(get(at(root.node, around), "schemaFormat")); format != "" {
				return format
			}
		}
	}
	if inComponents.MatchString(s.at) && !u.old && s.file == u.root.file {
		return ""
	}
	return inherited
}

// inComponents finds the component that a place belongs to.
var inComponents = regexp.MustCompile(`^/components/schemas/([^/]+)`)

// unitOf returns the unit that a schema belongs to, and the JSON pointer within it. It is made if it is not there;
// named is the name of its file if nothing else gives it one.
func (u *units) unitOf(s spot, format, named string) (*unit, string) {
	for _, known := range u.list {
		rest, ok := strings.CutPrefix(s.at, known.spot.at)
		if ok && known.spot.file == s.file && (rest == "" || rest[0] == '/') {
			return known, rest
		}
	}
	root, name := u.rootOf(s)
	if name == "" {
		name = named
	}
	name = u.names.free(stem(strings.TrimSuffix(name, ".json"), "schema"))
	made := &unit{spot: root, format: format, name: name + ".json"}
	u.list = append(u.list, made)
	return made, s.at[len(root.at):]
}

// rootOf returns the schema that becomes a file with all that is in it: a component, or a file; else the place itself,
// without a name.
func (u *units) rootOf(s spot) (root spot, name string) {
	file, err := u.files.open(s.file)
	if err != nil {
		return s, ""
	}
	if m := inComponents.FindStringSubmatch(s.at); m != nil && get(file.node, "asyncapi") != nil {
		component := spot{s.file, m[0], at(file.node, m[0])}
		if inner := component.child("schema"); get(component.node, "schemaFormat") != nil && inner.node != nil {
			component = inner
		}
		if strings.HasPrefix(s.at, component.at) {
			return component, m[1]
		}
	}
	base := strings.TrimSuffix(filepath.Base(s.file), filepath.Ext(s.file))
	for _, word := range schemaWords {
		if get(file.node, word) != nil {
			return file, base
		}
	}
	if s.file != u.root.file {
		return s, base + "-" + s.at[strings.LastIndexByte(s.at, '/')+1:]
	}
	return s, ""
}

// schemaWords are keywords by one of which a file is taken for a schema, and not for a list of schemas.
var schemaWords = []string{"$schema", "$id", "$defs", "definitions", "type", "properties", "allOf", "anyOf", "oneOf"}

// file returns the name of the file of a payload.
func (u *units) file(p payload, named string) (string, error) {
	of, rest := u.unitOf(p.spot, p.format, named)
	if rest == "" {
		return of.name, nil
	}
	return u.either([]payload{p}, named)
}

// either makes a file that accepts what one of several payloads does, and returns its name.
func (u *units) either(list []payload, named string) (string, error) {
	name := u.names.free(named) + ".json"
	refs := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, p := range list {
		of, rest := u.unitOf(p.spot, p.format, named+"-"+p.message)
		refs.Content = append(refs.Content, refTo(reference(of.name, rest)))
	}
	u.made[name] = mapping(pair{"$schema", text(schemaURIs["7"])}, pair{"anyOf", refs})
	return name, nil
}

// tryLoad loads schemas as a relay would.
func tryLoad(files map[string][]byte) error {
	dir, err := os.MkdirTemp("", "redis-relay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is small
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	_, err = schema.Load(dir, "")
	return err
}
