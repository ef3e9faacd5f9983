package schema

// Survey: which kinds of messages a schema tells apart.

import (
	"maps"
	"slices"
)

// Kinds lists the texts that a schema names for a top-level field of its messages, sorted, but for those that it
// accepts in no message. closed says that every message it accepts has one of them.
func (s *Survey) Kinds(name, field string) (kinds []string, closed bool) {
	doc, known := s.docs[name]
	if !known {
		return nil, false
	}
	v := &surveyor{doc, s.old[name], field, ""}
	named := map[string]bool{}
	v.gather(doc, 0, func(text string) { named[text] = true })
	for _, text := range slices.Sorted(maps.Keys(named)) {
		if s.MayBe(name, field, text) {
			kinds = append(kinds, text)
		}
	}
	return kinds, v.asks(doc, 0, v.isObject) && v.asks(doc, 0, v.isRequired) && v.asks(doc, 0, v.isListed)
}

// branches are the keywords below which a schema applies to the same object.
var branches = []string{"allOf", "anyOf", "oneOf", "if", "then", "else"}

// gather calls f for each text that a schema names for the field.
func (v *surveyor) gather(schema any, depth int, f func(string)) {
	words, ok := schema.(map[string]any)
	if !ok || depth > maxSurvey || depth > 0 && isResource(words) {
		return
	}
	if target, found := v.behind(words); found {
		v.gather(target, depth+1, f)
		return
	}
	properties, _ := words["properties"].(map[string]any)
	v.texts(properties[v.field], depth+1, f)
	for _, word := range branches {
		v.each(words[word], func(part any) { v.gather(part, depth+1, f) })
	}
}

// texts calls f for each text that a schema of the field itself names.
func (v *surveyor) texts(schema any, depth int, f func(string)) {
	words, ok := schema.(map[string]any)
	if !ok || depth > maxSurvey || isResource(words) {
		return
	}
	if target, found := v.behind(words); found {
		v.texts(target, depth+1, f)
		return
	}
	list, _ := words["enum"].([]any)
	if !v.old {
		list = append(slices.Clone(list), words["const"])
	}
	for _, value := range list {
		if text, ok := value.(string); ok {
			f(text)
		}
	}
	for _, word := range branches {
		v.each(words[word], func(part any) { v.texts(part, depth+1, f) })
	}
}

// behind returns what a reference within the file leads to.
func (v *surveyor) behind(words map[string]any) (target any, found bool) {
	ref, ok := words["$ref"].(string)
	if !ok {
		return nil, false
	}
	return v.resolve(ref)
}

// each calls f for a schema, or for each of a list.
func (v *surveyor) each(value any, f func(any)) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, part := range list {
		f(part)
	}
}

// asks reports whether each message that a schema accepts meets a demand, as far as that is certain.
func (v *surveyor) asks(schema any, depth int, demand func(map[string]any) bool) bool {
	words, ok := schema.(map[string]any)
	if !ok || depth > maxSurvey || depth > 0 && isResource(words) {
		return false
	}
	next := func(part any) bool { return v.asks(part, depth+1, demand) }
	if _, refers := words["$ref"]; refers { // up to draft 7 all else beside it counts for nothing
		target, found := v.behind(words)
		return found && next(target)
	}
	all, _ := words["allOf"].([]any)
	if demand(words) || slices.ContainsFunc(all, next) {
		return true
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		list, _ := words[word].([]any)
		if len(list) > 0 && !slices.ContainsFunc(list, func(part any) bool { return !next(part) }) {
			return true
		}
	}
	return false
}

func (v *surveyor) isObject(words map[string]any) bool { return words["type"] == "object" }

func (v *surveyor) isRequired(words map[string]any) bool {
	list, _ := words["required"].([]any)
	return slices.Contains(list, any(v.field))
}

func (v *surveyor) isListed(words map[string]any) bool {
	properties, _ := words["properties"].(map[string]any)
	return v.asks(properties[v.field], 1, v.isText)
}

// isText reports whether a schema lists the texts that it accepts, and nothing else.
func (v *surveyor) isText(words map[string]any) bool {
	if _, ok := words["const"].(string); ok && !v.old {
		return true
	}
	list, _ := words["enum"].([]any)
	return len(list) > 0 && !slices.ContainsFunc(list, func(value any) bool { _, ok := value.(string); return !ok })
}
