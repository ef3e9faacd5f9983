package schema

// All mistakes of a file, of which the library only finds one: what each is about is taken out, and the file compiled
// again.

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
)

// maxMistakes are told of one file.
const maxMistakes = 10

// explainAll says what is wrong with a file for which s has failed: a list, joined.
func (f *folder) explainAll(s *serving, name string, err error) error {
	all, tried := []error{explain(s, name, err)}, map[string]int{}
	read := f.open(name)
	was := *read
	defer func() { *read = was }()
	for len(all) < maxMistakes {
		at := culprit(s, name, err)
		if at == "" || isName(at) || !read.takeOut(at, tried[at]) {
			break
		}
		tried[at]++
		s = newServing(f)
		if _, err = s.compile(name); err == nil {
			break
		}
		if tried[culprit(s, name, err)] == 0 {
			all = append(all, explain(s, name, err))
		}
	}
	return errors.Join(all...)
}

// list takes apart what explainAll has joined.
func list(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		if all := several.Unwrap(); errors.Join(all...).Error() == err.Error() {
			return all
		}
	}
	return []error{err}
}

// culprit returns the JSON pointer in a file to the value that an error is about; empty: it is not known, or is the
// whole file.
func culprit(s *serving, name string, err error) string {
	read := s.open(name)
	if wrong, ok := errors.AsType[*fileError](err); ok {
		if wrong.at != "" && wrong.target == fileURL(name) {
			return wrong.at
		}
		return referrer(read, name, wrong.target)
	}
	if tree, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		if at, file := s.blame(pointer(chooseLeaf(tree))); file == name {
			return at
		}
		return ""
	}
	if wrong, ok := errors.AsType[*jsonschema.SchemaError](err); ok {
		err = wrong.Err
	}
	if target, ok := strings.CutSuffix(strings.TrimPrefix(err.Error(), "jsonschema: "), " not found"); ok {
		return referrer(read, name, target)
	}
	return ""
}

// referrer returns where a file refers to a target; empty: nowhere.
func referrer(read *file, name, target string) string {
	at, _, _ := findRef(read, read.doc, fileURL(name), "", target)
	return at
}

// isName tells whether what refers to schemas elsewhere depends on the value at a place.
func isName(at string) bool {
	return slices.Contains([]string{"$id", "id", "$anchor", "$dynamicAnchor", "$schema"}, lastToken(at))
}

// takeOut replaces the value at a pointer by an empty schema, in case others refer to it; the second time, since it
// was none that is missing there, it removes that. It returns false if it can do neither.
func (f *file) takeOut(at string, tried int) bool {
	doc, err := decode(f.text)
	if err != nil {
		return false
	}
	end := strings.LastIndexByte(at, '/')
	token := drafts.UnescapeToken(at[end+1:])
	parent := child(doc, at[:end])
	list, isList := parent.([]any)
	object, isObject := parent.(map[string]any)
	i, err := strconv.Atoi(token)
	switch {
	case tried > 1:
		return false
	case isList && tried == 0 && err == nil && i >= 0 && i < len(list):
		list[i] = map[string]any{}
	case isObject && tried == 0:
		object[token] = map[string]any{}
	case isObject:
		delete(object, token)
	default:
		return false
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return false
	}
	f.doc, f.text = doc, text
	return true
}
