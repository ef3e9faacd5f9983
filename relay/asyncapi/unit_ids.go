package asyncapi

// Where references in schemas lead: by $id, by anchor, within the document, or to files.

import (
	"net/url"
	"strings"

	"redis-relay/relay/schema/drafts"
)

// idOf is the $id of a schema without its fragment; "" without one.
func idOf(schema map[string]any, draft string) string {
	id, _ := schema[nameWords(draft)[0]].(string)
	if _, refers := schema["$ref"]; refers && drafts.Version(drafts.Named[draft]) <= drafts.Draft7 {
		return "" // it counts for nothing there
	}
	id, _, _ = strings.Cut(id, "#")
	return id
}

// basesOf returns the addresses of the schemas within a document that have an $id, by their JSON pointers.
func basesOf(doc any, draft string) map[string]string {
	bases := map[string]string{}
	drafts.Visit(doc, drafts.Version(drafts.Named[draft]), func(p drafts.Subschema) {
		if id := idOf(p.Schema, draft); id != "" && p.Known {
			_, base := around(bases, p.At)
			bases[p.At] = joined(base, id)
		}
	})
	return bases
}

// around returns the nearest schema with an $id at a place or above; no base if there is none.
func around(bases map[string]string, at string) (root, base string) {
	for {
		if base, ok := bases[at]; ok {
			return at, base
		}
		if at == "" {
			return "", ""
		}
		at = at[:strings.LastIndexByte(at, '/')]
	}
}

func joined(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	r, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return r.String()
}

// index notes the $id of the schemas of a file: of all components of a document, or of the file itself.
func (u *units) index(file string) {
	root, err := u.files.open(file)
	if err != nil || u.known[file] {
		return
	}
	u.known[file] = true
	roots := []spot{root}
	if get(root.node, "asyncapi") != nil {
		roots = nil
		all := root.child("components").child("schemas")
		for _, p := range pairs(all.node) {
			roots = append(roots, all.child(p.key))
		}
	}
	for _, s := range roots {
		format := textOf(get(s.node, "schemaFormat"))
		if inner := s.child("schema"); format != "" && inner.node != nil {
			s = inner
		}
		draft, err := draftOf(format)
		if err != nil {
			continue
		}
		if named := drafts.Of(textOf(get(s.node, "$schema"))); named != nil {
			draft = drafts.NameOf(named)
		}
		doc, err := plainValue(s.node)
		if err != nil {
			continue
		}
		for where, id := range basesOf(doc, draft) {
			u.ids[id] = spot{s.file, s.at + where, at(s.node, where)}
		}
	}
}

// target returns where a reference of a schema leads.
func (w *unitWriter) target(where, ref string) (spot, error) {
	root, base := around(w.bases, where)
	from := spot{w.unit.spot.file, w.unit.spot.at + where, at(w.unit.spot.node, where)}
	own := spot{w.unit.spot.file, w.unit.spot.at + root, at(w.unit.spot.node, root)}
	if found, ok := w.byID(own, base, ref); ok {
		return found, nil
	}
	if fragment, local := strings.CutPrefix(ref, "#"); local {
		if plain, err := url.PathUnescape(fragment); err == nil {
			fragment = plain
		}
		if file, err := w.files.open(from.file); err == nil && fragment != "" && at(file.node, fragment) != nil {
			return spot{from.file, fragment, at(file.node, fragment)}, nil
		}
		if found, ok := within(own, fragment, w.draft); ok {
			return found, nil
		}
	}
	return w.files.resolve(from, ref)
}

// byID finds the target of a reference by an $id: that of the schema around it, own, or of any other.
func (w *unitWriter) byID(own spot, base, ref string) (spot, bool) {
	address, fragment, _ := strings.Cut(joined(base, ref), "#")
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	if address == "" {
		return spot{}, false
	}
	resource, known := w.ids[address]
	if address == base {
		resource, known = own, true
	}
	if !known {
		return spot{}, false
	}
	return within(resource, fragment, w.draft)
}

// within finds the place of a fragment in a schema: a JSON pointer, or an anchor.
func within(s spot, fragment, draft string) (spot, bool) {
	if fragment == "" || fragment[0] == '/' {
		n := at(s.node, fragment)
		return spot{s.file, s.at + fragment, n}, n != nil
	}
	doc, err := plainValue(s.node)
	if err != nil {
		return spot{}, false
	}
	var found string
	var ok bool
	drafts.Visit(doc, drafts.Version(drafts.Named[draft]), func(p drafts.Subschema) {
		for _, word := range nameWords(draft) {
			if name := p.Schema[word]; !ok && (name == fragment || name == "#"+fragment) {
				found, ok = p.At, true
			}
		}
	})
	return spot{s.file, s.at + found, at(s.node, found)}, ok
}
