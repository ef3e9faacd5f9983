// This file finds what in a schema checks nothing though it seems to.

package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Doubt is a place in a schema file where something checks nothing though it seems to.
type Doubt struct {
	File    string
	Pointer string // JSON pointer, shortened
	Name    string // a keyword or format
	Why     string // it checks nothing
	// Among holds what may have been meant. Without a Why there is a doubt only if one of them is near.
	Among []string
}

// Doubts lists them, those of one file together and in their order. Annotations are none.
func (s *Set) Doubts() []Doubt { return s.doubts }

// Draft returns the draft of a schema by its name, such as "2019-09", and whether its file names it.
func (s *Set) Draft(name string) (draft string, named bool) {
	sch := s.schemas[name]
	return sch.draft, sch.named
}

// doubts looks through the files that have been served.
func (f *folder) doubts() []Doubt {
	var all []Doubt
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		if read := f.files[name]; read.served {
			all = append(all, read.doubts(name)...)
		}
	}
	return all
}

func (f *file) doubts(name string) []Doubt {
	d := doubter{file: name, draft: version(f.draft), why: "that is " + f.draftWords()}
	uri, named := schemaOf(f.doc)
	d.annotates = named && d.draft >= draft2019 && draftOf(uri) != nil // a meta-schema of its own may say otherwise
	visit(f.doc, d.draft, d.visit)
	if len(d.formats) > 0 {
		d.add(d.formats[0], "format", fmt.Sprintf("in draft %s it is an annotation%s; leave $schema out, or name draft 7, "+
			"to have formats checked", nameOf(f.draft), others(len(d.formats)-1)), nil)
	}
	return d.found
}

// draftWords says of which draft a file is, and why.
func (f *file) draftWords() string {
	if uri, ok := schemaOf(f.doc); ok && draftOf(uri) != nil {
		return "draft " + nameOf(f.draft)
	}
	return "draft " + nameOf(f.draft) + " by default"
}

// others counts what is not named.
func others(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", here and in %d other places", n)
}

func nameOf(draft *jsonschema.Draft) string {
	for name, d := range draftNames {
		if d == draft {
			return name
		}
	}
	return ""
}

// doubter looks through one file.
type doubter struct {
	file      string
	draft     int
	why       string   // says the draft
	annotates bool     // format is an annotation
	formats   []string // places of formats that check nothing therefore
	found     []Doubt
}

func (d *doubter) add(at, name, why string, among []string) {
	d.found = append(d.found, Doubt{d.file, oneLine(at, maxPointer), oneLine(name, maxPointer), why, among})
}

func (d *doubter) visit(s subschema) {
	if !s.known {
		return
	}
	_, refers := s.schema["$ref"]
	for _, name := range slices.Sorted(maps.Keys(s.schema)) {
		at := s.at + "/" + escapeToken(name)
		k, known := keywords[name]
		switch {
		case name == "$ref":
		case refers && d.draft <= draft7:
			if k.checks && k.in(d.draft) {
				d.add(at, name, "beside $ref a keyword counts for nothing in drafts up to 7: put $ref into allOf", nil)
			}
		case name == "format":
			d.format(at, s.schema[name])
		case !known && !strings.HasPrefix(name, "x-"):
			d.add(at, name, "", checking(d.draft))
		case k.checks && !k.in(d.draft):
			d.add(at, name, fmt.Sprintf("%s, and %s", since(k), d.why), nil)
		}
	}
}

// checking lists the keywords of a draft for which another one may have been written by mistake. Short ones are like
// too many words.
func checking(draft int) (names []string) {
	for name, k := range keywords {
		if k.checks && k.in(draft) && len(name) > len("not") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// since says which drafts have a keyword.
func since(k keywordOf) string {
	for _, name := range []string{"4", "6", "7", "2019-09", "2020-12"} {
		number := version(draftNames[name])
		if k.until != 0 && number == k.until && k.since == number {
			return "only draft " + name + " has it"
		}
		if k.until != 0 && number == k.until {
			return "drafts up to " + name + " have it"
		}
		if k.until == 0 && number == k.since {
			return "drafts from " + name + " on have it"
		}
	}
	return "no draft has it"
}

func (d *doubter) format(at string, value any) {
	name, ok := value.(string)
	switch {
	case !ok || otherFormats[name]:
	case formats[name] == nil:
		d.add(at, name, "that is no format of JSON Schema", slices.Sorted(maps.Keys(formats)))
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
