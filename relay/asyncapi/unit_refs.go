package asyncapi

// Schema files, with references that lead to each other.

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/relay/schema/drafts"
)

// schemaURIs are the $schema of the drafts.
var schemaURIs = map[string]string{
	"4": "http://json-schema.org/draft-04/schema#", "6": "http://json-schema.org/draft-06/schema#",
	"7": "http://json-schema.org/draft-07/schema#", "2019-09": "https://json-schema.org/draft/2019-09/schema",
	"2020-12": "https://json-schema.org/draft/2020-12/schema",
}

var (
	ownFormat  = regexp.MustCompile(`^application/vnd\.aai\.asyncapi(\+json|\+yaml)?(;|$)`)
	jsonFormat = regexp.MustCompile(`^application/schema(\+json|\+yaml)?;\s*version=(?:draft-)?0?([\d-]+)$`)
)

// draftOf returns the draft of JSON Schema that a schemaFormat names.
func draftOf(format string) (string, error) {
	if format == "" || ownFormat.MatchString(format) {
		return "7", nil
	}
	if m := jsonFormat.FindStringSubmatch(format); m != nil && schemaURIs[m[2]] != "" {
		return m[2], nil
	}
	return "", fmt.Errorf("its schemaFormat %q is no JSON Schema that the relay knows; "+
		"write it as JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12", format)
}

// write returns all files. Schemas to which others refer become files meanwhile.
func (u *units) write() (map[string][]byte, error) {
	written := map[string][]byte{}
	for i := 0; i < len(u.list); i++ {
		n, err := u.writeUnit(u.list[i])
		if err != nil {
			return nil, err
		}
		written[u.list[i].name] = append(appendJSON(nil, n, ""), '\n')
	}
	for name, n := range u.made {
		written[name] = append(appendJSON(nil, n, ""), '\n')
	}
	return written, nil
}

// writeUnit returns a schema as a file.
func (u *units) writeUnit(of *unit) (*yaml.Node, error) {
	draft, err := draftOf(of.format)
	if err != nil {
		return nil, of.spot.wrong("%w", err)
	}
	named := drafts.Of(textOf(get(of.spot.node, "$schema")))
	if named != nil {
		draft = drafts.NameOf(named)
	}
	u.index(of.spot.file)
	n := clone(of.spot.node)
	doc, err := plainValue(n)
	if err != nil {
		return nil, of.spot.wrong("%w", err)
	}
	w := &unitWriter{units: u, unit: of, draft: draft, bases: basesOf(doc, draft), into: n}
	drafts.Visit(doc, drafts.Version(drafts.Named[draft]), func(p drafts.Subschema) {
		if err == nil {
			err = w.visit(p)
		}
	})
	remove(n, "$schema")
	if _, isObject := doc.(map[string]any); isObject && (named != nil || draft != "2020-12") { // else its formats assert
		head := mapping(pair{"$schema", text(schemaURIs[draft])})
		n.Content = append(head.Content, n.Content...)
	}
	return n, err
}

// plainValue is a tree as the JSON package reads it.
func plainValue(n *yaml.Node) (doc any, err error) {
	return doc, json.Unmarshal(appendJSON(nil, n, ""), &doc)
}

// unitWriter rewrites the references of one unit.
type unitWriter struct {
	*units
	unit  *unit
	draft string
	bases map[string]string // the $id of schemas within the unit, by JSON pointer
	into  *yaml.Node        // the copy that is changed
}

// visit rewrites what one schema says of its name and of others.
func (w *unitWriter) visit(p drafts.Subschema) error {
	target := at(w.into, p.At)
	place := spot{w.unit.spot.file, w.unit.spot.at + p.At, at(w.unit.spot.node, p.At)}
	for _, word := range []string{"$dynamicRef", "$recursiveRef"} {
		if _, written := p.Schema[word]; written && p.Known {
			return place.wrong("%s leads to different schemas in different places; use $ref", word)
		}
	}
	if p.Known {
		for _, word := range nameWords(w.draft) {
			remove(target, word)
		}
	}
	ref, ok := p.Schema["$ref"].(string)
	if !ok {
		return nil
	}
	if _, ok := drafts.MetaSchema(strings.Split(ref, "#")[0]); ok {
		return nil // the relay knows them
	}
	found, err := w.target(p.At, ref)
	if err != nil {
		if !p.Known {
			return nil //nolint:nilerr // nothing refers to it as a schema, as far as can be seen
		}
		return err
	}
	found, format, err := w.inner(found)
	if err != nil {
		return err
	}
	of, rest := w.unitOf(found, format, w.unit.name)
	name := of.name
	if of == w.unit {
		name = ""
	}
	set(target, "$ref", text(reference(name, rest)))
	return nil
}

// nameWords are the keywords of a draft that name a schema.
func nameWords(draft string) []string {
	if draft == "4" {
		return []string{"id"}
	}
	return []string{"$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"}
}

// inner steps into a Multi Format Schema Object.
func (w *unitWriter) inner(s spot) (spot, string, error) {
	if format := textOf(get(s.node, "schemaFormat")); format != "" && get(s.node, "schema") != nil {
		return s.child("schema"), format, nil
	}
	return s, w.formatAt(s, w.unit.format), nil
}

// reference is a $ref to a place in a file, "" for the same file.
func reference(file, pointer string) string {
	if file == "" && pointer == "" {
		return "#"
	}
	u := url.URL{Path: file, Fragment: pointer}
	return u.String()
}
