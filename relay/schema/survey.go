package schema

// Survey: what can be known about the files of a schemas folder by reading them. It is for advice, not for messages.

import (
	"slices"
	"strconv"
	"strings"

	"redis-relay/relay/schema/drafts"
)

// Survey holds the files of a schemas folder as they are written. It is safe for concurrent use.
type Survey struct {
	docs map[string]any      // by file name
	old  map[string]bool     // by file name: it is of draft 4, which knows no const
	refs map[string][]string // by file name, those in subfolders among them: the texts of its references
}

// maxSurvey is how many references deep, one behind the other, a survey looks.
const maxSurvey = 32

// Look reads the schema files of a folder. Files that cannot be read are left out. The error wraps ErrFolder.
// draft is that of files without $schema, as for Load.
func Look(dir, draft string) (*Survey, error) {
	root, names, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // only ever read from
	f := newFolder(root, draft)
	s := &Survey{docs: map[string]any{}, old: map[string]bool{}, refs: map[string][]string{}}
	for _, name := range names {
		if file := f.open(name); file.err == nil {
			s.docs[name] = file.doc
			s.old[name] = drafts.Version(file.draft) < 6
		}
	}
	_ = f.indexAll() // opens the files of subfolders; of very many, some
	for name, file := range f.files {
		if file.err == nil {
			s.refs[name] = references(file.doc, nil)
		}
	}
	return s, nil
}

// references appends all texts below doc that may refer to a schema.
func references(doc any, list []string) []string {
	switch v := doc.(type) {
	case map[string]any:
		for key, member := range v {
			refers := key == "$schema" || strings.HasSuffix(strings.ToLower(key), "ref")
			if text, ok := member.(string); ok && refers {
				list = append(list, text)
			}
			list = references(member, list)
		}
	case []any:
		for _, item := range v {
			list = references(item, list)
		}
	}
	return list
}

// Unused lists the files, sorted, that are neither among used nor referred to by another file, as far as can be seen: a
// file whose name or $id is a part of a reference is left out.
func (s *Survey) Unused(used []string) (names []string) {
	for name, doc := range s.docs {
		if !slices.Contains(used, name) && !s.referred(name, doc) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (s *Survey) referred(name string, doc any) bool {
	marks := []string{name}
	if root, ok := doc.(map[string]any); ok {
		for _, key := range []string{"$id", "id"} {
			if id, ok := root[key].(string); ok && id != "" {
				marks = append(marks, strings.TrimSuffix(id, "#"), id[strings.LastIndex(id, "/")+1:])
			}
		}
	}
	for other, refs := range s.refs {
		if other != name && slices.ContainsFunc(refs, func(ref string) bool {
			return slices.ContainsFunc(marks, func(mark string) bool { return mark != "" && strings.Contains(ref, mark) })
		}) {
			return true
		}
	}
	return false
}

// MayBe reports whether a schema may accept an object whose top-level field has the text value. False is certain; true
// is also the answer where that cannot be told.
func (s *Survey) MayBe(name, field, value string) bool {
	doc, known := s.docs[name]
	if !known {
		return true
	}
	return (&surveyor{doc, s.old[name], field, value}).object(doc, 0)
}

// surveyor looks through one file for one value of one field.
type surveyor struct {
	root         any
	old          bool // const is no keyword
	field, value string
}

// object reports whether a schema may accept an object with the value.
func (v *surveyor) object(schema any, depth int) bool {
	return v.may(schema, depth, v.object, "object", func(constant any) bool {
		object, ok := constant.(map[string]any)
		return ok && object[v.field] == v.value
	}) && v.members(schema, depth)
}

// members asks the schemas of the object's members.
func (v *surveyor) members(schema any, depth int) bool {
	words, ok := schema.(map[string]any)
	if !ok || words["$ref"] != nil {
		return true
	}
	properties, _ := words["properties"].(map[string]any)
	if member, named := properties[v.field]; named {
		return v.text(member, depth+1)
	}
	return words["additionalProperties"] != false || words["patternProperties"] != nil
}

// text reports whether a schema may accept the value itself.
func (v *surveyor) text(schema any, depth int) bool {
	return v.may(schema, depth, v.text, "string", func(constant any) bool { return constant == v.value })
}

// may is what object and text have in common: same is one of them, kind the type of its values, and equal compares with
// a constant.
func (v *surveyor) may(schema any, depth int, same func(any, int) bool, kind string, equal func(any) bool) bool {
	words, ok := schema.(map[string]any)
	if !ok {
		return schema != false
	}
	if depth > maxSurvey || depth > 0 && isResource(words) {
		return true // references below may mean something else
	}
	if ref, ok := words["$ref"].(string); ok { // up to draft 7 all else beside it counts for nothing
		target, found := v.resolve(ref)
		return !found || same(target, depth+1)
	}
	if types := words["type"]; types != nil && types != kind {
		if list, ok := types.([]any); !ok || !slices.Contains(list, any(kind)) {
			return false
		}
	}
	if constant, ok := words["const"]; ok && !v.old && !equal(constant) {
		return false
	}
	if list, ok := words["enum"].([]any); ok && len(list) > 0 && !slices.ContainsFunc(list, equal) {
		return false
	}
	next := func(part any) bool { return same(part, depth+1) }
	for _, word := range []string{"anyOf", "oneOf"} {
		if list, ok := words[word].([]any); ok && !slices.ContainsFunc(list, next) {
			return false
		}
	}
	all, _ := words["allOf"].([]any)
	return !slices.ContainsFunc(all, func(part any) bool { return !next(part) })
}

// resolve finds what a reference within the file means. It is not found if it leads elsewhere, or by a name.
func (v *surveyor) resolve(ref string) (target any, found bool) {
	if ref == "#" {
		return v.root, true
	}
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok || strings.Contains(path, "%") {
		return nil, false
	}
	target = v.root
	for token := range strings.SplitSeq(path, "/") {
		token = drafts.UnescapeToken(token)
		switch at := target.(type) {
		case map[string]any:
			if target, ok = at[token]; !ok || isResource(target) {
				return nil, false
			}
		case []any:
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n >= len(at) {
				return nil, false
			}
			target = at[n]
		default:
			return nil, false
		}
	}
	return target, true
}

// isResource reports whether references below a schema are its own.
func isResource(schema any) bool {
	words, ok := schema.(map[string]any)
	return ok && (words["$id"] != nil || words["id"] != nil)
}
