// This file reads the files of the schemas folder, and knows which schema has which $id.

package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

const (
	// maxFile is the largest schema file that is read, in bytes.
	maxFile = 4 << 20
	// maxFiles is how many files are looked through for an $id.
	maxFiles = 10000
)

// baseURL is where the library sees the folder. A reference with too many ".." or an absolute path
// resolves to something that does not begin with it.
const baseURL = "schemas:///folder/"

// folder holds the files of one Load. Owned by one goroutine.
type folder struct {
	root    *os.Root          // fixed after construction
	draft   *jsonschema.Draft // of files that name none; fixed after construction
	chosen  bool              // the configuration says so; fixed after construction
	files   map[string]*file  // read so far, by name
	ids     map[string][]location
	deep    bool              // ids has those of subfolders, too
	shared  *serving          // nil: each file has a compiler of its own
	written map[string]string // patterns as they are written, by what RE2 reads
}

// file is what has been read of a file.
type file struct {
	text  []byte
	doc   any
	draft *jsonschema.Draft
	err   error

	served bool // a schema is made of it, or refers to it
}

// location is where a schema stands.
type location struct{ file, at string } // name, JSON pointer

func newFolder(root *os.Root, draft string) *folder {
	d, chosen := draftNames[draft]
	if !chosen {
		d = jsonschema.Draft2020
	}
	return &folder{
		root: root, draft: d, chosen: chosen, files: make(map[string]*file), ids: make(map[string][]location),
		written: make(map[string]string),
	}
}

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

// open reads a file, once.
func (f *folder) open(name string) *file {
	if known, ok := f.files[name]; ok {
		return known
	}
	read := &file{}
	f.files[name] = read
	text, err := f.read(name)
	if err != nil {
		read.err = &fileError{
			target: fileURL(name), reason: osReason(err).Error(), wayOut: "add the file or correct the reference",
		}
		return read
	}
	read.text = text
	if _, bad := guard(text, ""); bad.why != none {
		line, column := position(text, bad.at)
		read.err = &fileError{
			target: fileURL(name), inside: true, wayOut: "correct the JSON",
			line: line, column: column, reason: bad.reason(text),
		}
		return read
	}
	if read.doc, err = decode(text); err != nil {
		read.err = &fileError{target: fileURL(name), reason: err.Error(), wayOut: "correct the JSON"}
		return read
	}
	read.draft = f.draft
	if uri, ok := schemaOf(read.doc); ok && draftOf(uri) != nil {
		read.draft = draftOf(uri)
	}
	return read
}

// schemaOf returns the $schema of a document.
func schemaOf(doc any) (uri string, ok bool) {
	root, _ := doc.(map[string]any)
	uri, ok = root["$schema"].(string)
	return uri, ok
}

// read returns the content of a regular file of at most maxFile bytes.
func (f *folder) read(name string) ([]byte, error) {
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return f.root.ReadFile(name)
}

// index notes the schemas of a file by their names: its URL, and what its $id say. One that cannot be read has none.
func (f *folder) index(name string) {
	f.note(fileURL(name), location{file: name})
	read := f.open(name)
	if read.err != nil {
		return
	}
	bases := map[string]string{"": fileURL(name)}
	visit(read.doc, version(read.draft), func(p subschema) {
		if id := idOf(p.schema, read.draft); p.known && id != "" {
			base := resolve(baseOf(bases, p.at), id)
			bases[p.at] = base
			f.note(base, location{name, p.at})
		}
	})
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
	if _, refers := schema["$ref"]; refers && version(draft) <= draft7 {
		return ""
	}
	id, _ := schema[keyword].(string)
	id, _, _ = strings.Cut(id, "#")
	return id
}

// indexAll notes the schemas of subfolders, too. They are read only when a reference asks for an $id that is not known.
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

const ownID = "give each schema an $id of its own"

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

// named returns the schemas that a URL may mean: a file rather than a copy of it within another one, and of copies that
// are the same the first.
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

// part returns what stands at a location.
func (f *folder) part(l location) any { return child(f.open(l.file).doc, l.at) }

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

// placeIn names a place as seen from a file: by the file, not by its $id, and by the pointer alone in the file itself.
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

// child returns what stands at a JSON pointer in a document, nil if nothing does.
func child(doc any, at string) any {
	if at == "" {
		return doc
	}
	for token := range strings.SplitSeq(at[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch parent := doc.(type) {
		case map[string]any:
			doc = parent[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(parent) {
				return nil
			}
			doc = parent[i]
		default:
			return nil
		}
	}
	return doc
}

// position returns the line and the column, in bytes, both from 1, of an offset.
func position(data []byte, at int) (line, column int) {
	before := data[:at]
	return 1 + bytes.Count(before, []byte("\n")), at - bytes.LastIndexByte(before, '\n')
}

// osReason returns the cause of an error without the system call and path around it.
func osReason(err error) error {
	pathErr, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return err
	}
	if strings.Contains(pathErr.Err.Error(), "path escapes") {
		return errors.New("a symbolic link leads outside the schemas folder or is absolute")
	}
	return pathErr.Err
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

func escapeToken(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// readable returns text without the base under which the library knows the folder.
func readable(text string) string {
	text = strings.ReplaceAll(text, baseURL, "")
	return strings.ReplaceAll(text, "schemas:///", "/")
}
