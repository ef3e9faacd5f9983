package schema

// Lint: places in schema files that check nothing, though they seem to.

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"redis-relay/relay/schema/drafts"
	"redis-relay/relay/schema/format"
)

// Warning is about a keyword or format in a schema file that checks nothing, though it seems to.
type Warning struct {
	File    string
	Pointer string   // JSON pointer, shortened
	Name    string   // the keyword or format
	Why     string   // the reason it checks nothing; empty: it is unknown, and a mistake only if Among has a similar name
	Among   []string // the names that may have been meant
}

// Warnings lists the warnings about all files, ordered by file and place. There are none about annotations.
func (s *Set) Warnings() []Warning { return s.warnings }

// Draft returns the draft of a schema by its name, such as "2019-09", and whether its file names it.
func (s *Set) Draft(name string) (draft string, named bool) {
	sch := s.schemas[name]
	return sch.draft, sch.named
}

// warnings lints the files that schemas are made of.
func (f *folder) warnings() []Warning {
	var all []Warning
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		if read := f.files[name]; read.served {
			all = append(all, read.warnings(name)...)
		}
	}
	return all
}

func (f *file) warnings(name string) []Warning {
	d := linter{file: name, draft: drafts.Version(f.draft), why: "that is " + f.draftWords()}
	uri, named := schemaOf(f.doc)
	// A meta-schema of the folder's own may say otherwise.
	d.annotates = named && d.draft >= drafts.Draft2019 && drafts.Of(uri) != nil
	drafts.Visit(f.doc, d.draft, d.visit)
	if len(d.formats) > 0 {
		d.add(d.formats[0], "format", fmt.Sprintf("in draft %s it is an annotation%s; leave $schema out, or name draft 7, "+
			"to have formats checked", drafts.NameOf(f.draft), others(len(d.formats)-1)), nil)
	}
	return d.found
}

// draftWords says of which draft a file is, and why.
func (f *file) draftWords() string {
	if uri, ok := schemaOf(f.doc); ok && drafts.Of(uri) != nil {
		return "draft " + drafts.NameOf(f.draft)
	}
	return "draft " + drafts.NameOf(f.draft) + " by default"
}

// others counts what is not named.
func others(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", here and in %d other places", n)
}

// linter looks through one file.
type linter struct {
	file      string
	draft     int
	why       string   // says the draft
	annotates bool     // format is an annotation
	formats   []string // places of formats that check nothing therefore
	found     []Warning
}

func (d *linter) add(at, name, why string, among []string) {
	d.found = append(d.found, Warning{d.file, oneLine(at, maxPointer), oneLine(name, maxPointer), why, among})
}

func (d *linter) visit(s drafts.Subschema) {
	if !s.Known {
		return
	}
	_, refers := s.Schema["$ref"]
	for _, name := range slices.Sorted(maps.Keys(s.Schema)) {
		at := s.At + "/" + drafts.EscapeToken(name)
		k, known := drafts.Keywords[name]
		switch {
		case name == "$ref":
		case refers && d.draft <= drafts.Draft7:
			if k.Checks && k.In(d.draft) {
				d.add(at, name, "beside $ref a keyword counts for nothing in drafts up to 7: put $ref into allOf", nil)
			}
		case name == "format":
			d.format(at, s.Schema[name])
		case !known && !strings.HasPrefix(name, "x-"):
			d.add(at, name, "", drafts.Checking(d.draft))
		case k.Checks && !k.In(d.draft):
			d.add(at, name, fmt.Sprintf("%s, and %s", drafts.Since(k), d.why), nil)
		}
	}
}

func (d *linter) format(at string, value any) {
	name, ok := value.(string)
	switch {
	case !ok || otherFormats[name]:
	case format.Of(name) == nil:
		d.add(at, name, "that is no format of JSON Schema", format.Names())
	case d.annotates:
		d.formats = append(d.formats, at)
	}
}

// otherFormats are annotations that OpenAPI and others have agreed on.
var otherFormats = func() map[string]bool {
	all := make(map[string]bool)
	for name := range strings.FieldsSeq(`
		int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float double double-int decimal decimal128 byte binary
		base64url char password html commonmark media-range http-date unixtime etag color phone utc-millisec markdown
		sf-binary sf-boolean sf-integer sf-decimal sf-string sf-token textarea data-url style host-name`) {
		all[name] = true
	}
	return all
}()
