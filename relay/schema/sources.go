package schema

// Sources: the files that schemas are made of, as they are written, and where their references lead. They are for
// programs that move schemas elsewhere, not for messages.

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"redis-relay/relay/schema/drafts"
)

// Place is where a schema stands: a JSON pointer in a file.
type Place struct{ File, At string }

// Source is a schema file as it is written.
type Source struct {
	Name   string           // in the folder; of a draft's meta-schema: its address
	Text   []byte           // JSON
	Draft  string           // such as "2019-09"
	Named  bool             // its $schema names the draft
	Draft7 bool             // read as draft 7, it accepts the same messages
	Refs   map[string]Place // where each $ref leads, by the JSON pointer of the schema that has it
	Names  []string         // JSON pointers of the keywords that name a schema: $id, id, $anchor, $dynamicAnchor
}

// Sources returns files of a folder, which Load must accept, and all files to which they refer, sorted by name. The
// error names a file that refers to a schema only when a message is checked ($dynamicRef, $recursiveRef), or that has a
// meta-schema of its own.
func Sources(dir, draft string, names []string) ([]Source, error) {
	root, all, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // only ever read from
	f := newFolder(root, draft)
	for _, name := range all {
		f.index(name)
	}
	done := map[string]Source{}
	for queue := slices.Clone(names); len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		if _, known := done[name]; known {
			continue
		}
		s, err := f.source(name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		done[name] = s
		for _, at := range slices.Sorted(maps.Keys(s.Refs)) {
			queue = append(queue, s.Refs[at].File)
		}
	}
	list := make([]Source, 0, len(done))
	for _, name := range slices.Sorted(maps.Keys(done)) {
		list = append(list, done[name])
	}
	return list, nil
}

// source reads a file of which something is to be told.
func (f *folder) source(name string) (Source, error) {
	read := f.open(name)
	if read.err != nil {
		return Source{}, read.err
	}
	uri, written := schemaOf(read.doc)
	s := Source{
		Name: name, Text: read.text, Draft: drafts.NameOf(read.draft), Named: written && drafts.Of(uri) != nil,
		Refs: map[string]Place{},
	}
	if written && !s.Named {
		if meta, _, _ := strings.Cut(resolve(fileURL(name), uri), "#"); len(f.ids[meta]) > 0 {
			return s, fmt.Errorf("/$schema: %q is a meta-schema of the folder: name a draft", uri)
		}
	}
	version := drafts.Version(read.draft)
	asserts := !s.Named || version < drafts.Draft2019
	s.Draft7 = drafts.SameIn7(read.doc, version, asserts)
	bases := f.bases(name)
	var failed error
	drafts.Visit(read.doc, version, func(p drafts.Subschema) {
		if err := f.sourceOf(&s, p, baseOf(bases, p.At)); err != nil && p.Known && failed == nil {
			failed = err
		}
	})
	return s, failed
}

// sourceOf notes what one schema of a file says about its name and other schemas.
func (f *folder) sourceOf(s *Source, p drafts.Subschema, base string) error {
	for _, word := range []string{"$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"} {
		if _, written := p.Schema[word]; written && (word != "id" || s.Draft == "4") && p.Known {
			s.Names = append(s.Names, p.At+"/"+word)
		}
	}
	for _, word := range []string{"$dynamicRef", "$recursiveRef"} {
		if _, written := p.Schema[word]; written && p.Known {
			return fmt.Errorf("%s/%s leads to different schemas in different places: use $ref", p.At, word)
		}
	}
	ref, ok := p.Schema["$ref"].(string)
	if !ok {
		return nil
	}
	target, err := f.target(resolve(base, ref))
	if err != nil {
		return fmt.Errorf("%s/$ref: %w", p.At, err)
	}
	s.Refs[p.At] = target
	return nil
}

// target finds the schema of an absolute reference.
func (f *folder) target(ref string) (Place, error) {
	address, fragment, _ := strings.Cut(ref, "#")
	if text, ok := drafts.MetaSchema(address); ok && f.files[address] == nil {
		doc, err := decode(text)
		if err != nil {
			return Place{}, err
		}
		f.files[address] = &file{text: text, doc: doc, draft: drafts.Of(address)}
		f.note(address, location{file: address})
	}
	found, err := f.find(address)
	if err != nil {
		return Place{}, err
	}
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	at, ok := found.at+fragment, true
	if fragment != "" && fragment[0] != '/' {
		at, ok = f.anchor(found, fragment)
	}
	if !ok || child(f.open(found.file).doc, at) == nil {
		return Place{}, fmt.Errorf("nothing is at %s", readable(ref))
	}
	return Place{found.file, at}, nil
}

// anchor finds the schema that has a name within another one.
func (f *folder) anchor(around location, name string) (at string, found bool) {
	read := f.open(around.file)
	words := map[string]string{"$anchor": name, "$dynamicAnchor": name, "$id": "#" + name, "id": "#" + name}
	drafts.Visit(read.doc, drafts.Version(read.draft), func(p drafts.Subschema) {
		if found || !strings.HasPrefix(p.At, around.at) {
			return
		}
		for word, text := range words {
			if p.Schema[word] == text {
				at, found = p.At, true
			}
		}
	})
	return at, found
}
