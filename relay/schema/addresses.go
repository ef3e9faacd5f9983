package schema

// Addresses: which schema of the folder a URL means, by the name of its file or by an $id.

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
)

// baseURL is where the library sees the folder. A reference with too many ".." or an absolute path
// resolves to something that does not begin with it.
const baseURL = "schemas:///folder/"

// maxFiles is the largest number of files that are searched for an $id.
const maxFiles = 10000

const ownID = "give each schema an $id of its own"

// fileURL returns the URL under which the library knows a file of the folder.
func fileURL(name string) string {
	return baseURL + (&url.URL{Path: name}).EscapedPath()
}

// fileName returns the file that a URL names, false if it is not in the folder.
func fileName(target string) (string, bool) {
	if !strings.HasPrefix(target, baseURL) {
		return "", false
	}
	u, err := url.Parse(target)
	if err != nil || u.RawQuery != "" {
		return "", false
	}
	name, ok := strings.CutPrefix(u.Path, "/folder/")
	return name, ok && fs.ValidPath(name)
}

// index notes the schemas of a file by their names: its URL, and what its $id say. One that cannot be read has none.
func (f *folder) index(name string) {
	f.note(fileURL(name), location{file: name})
	bases := f.bases(name)
	for _, at := range slices.Sorted(maps.Keys(bases)) {
		f.note(bases[at], location{name, at})
	}
}

// bases returns the URL of a file, and those of the schemas in it that have an $id, by their JSON pointers.
func (f *folder) bases(name string) map[string]string {
	bases := map[string]string{"": fileURL(name)}
	read := f.open(name)
	if read.err != nil {
		return bases
	}
	drafts.Visit(read.doc, drafts.Version(read.draft), func(p drafts.Subschema) {
		if id := idOf(p.Schema, read.draft); p.Known && id != "" {
			bases[p.At] = resolve(baseOf(bases, p.At), id)
		}
	})
	return bases
}

// baseOf returns the URL of the schema around a place: bases holds those that have one, by their JSON pointers.
func baseOf(bases map[string]string, at string) string {
	for {
		if base, ok := bases[at]; ok {
			return base
		}
		at = at[:strings.LastIndexByte(at, '/')]
	}
}

func (f *folder) note(target string, l location) {
	if !slices.Contains(f.ids[target], l) {
		f.ids[target] = append(f.ids[target], l)
	}
}

// idOf returns the $id of a schema without its fragment, empty without one. In drafts up to 7 one beside a $ref
// counts for nothing.
func idOf(schema map[string]any, draft *jsonschema.Draft) string {
	keyword := "$id"
	if draft == jsonschema.Draft4 {
		keyword = "id"
	}
	if _, refers := schema["$ref"]; refers && drafts.Version(draft) <= drafts.Draft7 {
		return ""
	}
	id, _ := schema[keyword].(string)
	id, _, _ = strings.Cut(id, "#")
	return id
}

// indexAll notes the schemas of subfolders, too. They are read only when a reference asks for an $id that is not
// known.
func (f *folder) indexAll() error {
	if f.deep {
		return nil
	}
	f.deep = true
	files := 0
	return fs.WalkDir(f.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // what cannot be read has no schemas
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || !strings.HasSuffix(name, ".json"):
			return nil
		}
		if files++; files > maxFiles {
			return fmt.Errorf("the folder has more than %d schemas", maxFiles)
		}
		f.index(name)
		return nil
	})
}

// find returns where the schema of a URL stands.
func (f *folder) find(target string) (location, error) {
	name, inside := fileName(target)
	if len(f.ids[target]) == 0 && (!inside || f.open(name).text == nil) {
		if err := f.indexAll(); err != nil {
			return location{}, &fileError{target: target, reason: err.Error(), wayOut: "name a folder of schemas alone"}
		}
	}
	switch found := f.named(target); {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return location{}, &fileError{target: target, reason: "is " + both(found), wayOut: ownID}
	case inside:
		return location{file: name}, nil
	}
	return location{}, &fileError{
		target: target, reason: "outside the schemas folder",
		wayOut: "no schema there has this $id; copy the schema into the folder, or refer to a file of it by a relative " +
			"path (which an $id redirects)",
	}
}

// both names the schemas that share a URL.
func both(found []location) string {
	var names []string
	for _, l := range found {
		names = append(names, l.String())
	}
	return "the address of " + strings.Join(names, " and of ")
}

func (l location) String() string {
	if l.at == "" {
		return fmt.Sprintf("%q", l.file)
	}
	return fmt.Sprintf("%q, %s", l.file, oneLine(l.at, maxPointer))
}

// named returns the schemas that a URL may mean: a file rather than a copy of it within another one, and of copies
// that are the same the first.
func (f *folder) named(target string) []location {
	found := f.ids[target]
	if files := slices.DeleteFunc(slices.Clone(found), func(l location) bool { return l.at != "" }); len(files) > 0 {
		return files
	}
	same := func(l location) bool { return reflect.DeepEqual(f.part(l), f.part(found[0])) }
	if len(found) > 1 && !slices.ContainsFunc(found, func(l location) bool { return !same(l) }) {
		return found[:1]
	}
	return found
}

// clash returns an error if a file shares its URL with another one.
func (f *folder) clash(name string) error {
	for target := range f.ids {
		found := f.named(target)
		if other := slices.IndexFunc(found, func(l location) bool { return l.file != name }); other >= 0 &&
			slices.Contains(found, location{file: name}) {
			return fmt.Errorf("/: $id %q is that of %s, too: %s", readable(target), found[other], ownID)
		}
	}
	return nil
}

// url returns the URL by which a file is compiled: that of its $id, if it has one, as others refer to it.
func (f *folder) url(name string) string {
	root, _ := f.open(name).doc.(map[string]any)
	if root != nil {
		if id := idOf(root, f.open(name).draft); id != "" {
			if target := resolve(fileURL(name), id); len(f.named(target)) == 1 {
				return target
			}
		}
	}
	return fileURL(name)
}

// placeIn names a place as seen from a file: by the file, not by its $id, and by the pointer alone in the file
// itself.
func (f *folder) placeIn(name, place string) string {
	target, at, found := strings.Cut(place, "#")
	if !found {
		return place
	}
	if found := f.named(target); len(found) == 1 {
		target, at = found[0].file, found[0].at+at
	}
	if target == name {
		return at
	}
	return target + "#" + at
}

// resolve returns ref as seen from base, or ref itself if either is no URL, or ref is absolute.
func resolve(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil || u.IsAbs() {
		return ref
	}
	return b.ResolveReference(u).String()
}

// readable returns text without the base under which the library knows the folder.
func readable(text string) string {
	text = strings.ReplaceAll(text, baseURL, "")
	return strings.ReplaceAll(text, "schemas:///", "/")
}
