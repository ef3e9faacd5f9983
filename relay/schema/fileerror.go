package schema

// This file words what is wrong with a schema file.

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"redis-relay/relay/schema/drafts"
)

// fileError says what is wrong with a file or a place that a schema needs.
type fileError struct {
	target string // URL
	reason string
	wayOut string
	inside bool // the trouble is inside the file
	line   int  // of the trouble, and its column; 0: not known
	column int
	at     string // JSON pointer to it; empty: not known
}

// Error implements error.
func (e *fileError) Error() string {
	return fmt.Sprintf("%q: %s", readable(e.target), e.said())
}

// said is the error without the name of the file.
func (e *fileError) said() string {
	if e.line > 0 {
		return fmt.Sprintf("line %d, column %d: %s: %s", e.line, e.column, e.reason, e.wayOut)
	}
	return e.reason + ": " + e.wayOut
}

// in adds who refers to the target.
func (e *fileError) in(s *serving, entry string) error {
	if e.target == fileURL(entry) || e.target == s.url(entry) {
		return errors.New(e.said())
	}
	if e.inside {
		return fmt.Errorf("in %w", e)
	}
	for _, l := range s.served {
		read := s.open(l.file)
		if at, ref, ok := findRef(read, read.doc, fileURL(l.file), "", e.target); ok {
			at, ref = oneLine(at, maxPointer), oneLine(ref, maxReason)
			return fmt.Errorf("%s%s: %q: %s%s", within(l.file, entry), at, ref, e.said(), s.redirected(l.file, ref))
		}
	}
	return e
}

// redirected says that a file is there which an $id keeps a reference from.
func (f *folder) redirected(name, ref string) string {
	target, _, _ := strings.Cut(resolve(fileURL(name), ref), "#")
	other, inside := fileName(target)
	if !inside || other == name || f.open(other).err != nil {
		return ""
	}
	return fmt.Sprintf("; %q is there, but the $id of %q makes this reference lead elsewhere: give each an $id",
		other, name)
}

// findRef returns a keyword in a schema that refers to target: its JSON pointer and its value. Relative
// references in the schema resolve against base.
func findRef(f *file, doc any, base, at, target string) (pointer, ref string, ok bool) {
	switch doc := doc.(type) {
	case map[string]any:
		if id := idOf(doc, f.draft); id != "" {
			base = resolve(base, id)
		}
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			below := at + "/" + drafts.EscapeToken(name)
			if ref, ok := doc[name].(string); ok && isRef(name) && refersTo(resolve(base, ref), target) {
				return below, ref, true
			}
			if pointer, ref, ok = findRef(f, doc[name], base, below, target); ok {
				return pointer, ref, true
			}
		}
	case []any:
		for i, item := range doc {
			if pointer, ref, ok = findRef(f, item, base, at+"/"+strconv.Itoa(i), target); ok {
				return pointer, ref, true
			}
		}
	}
	return "", "", false
}

func isRef(keyword string) bool {
	switch keyword {
	case "$ref", "$dynamicRef", "$recursiveRef", "$schema":
		return true
	}
	return false
}

// refersTo reports whether a URL is the target or, if that is a whole file, a place in it.
func refersTo(ref, target string) bool {
	file, _, _ := strings.Cut(ref, "#")
	return ref == target || file == target
}

// within names a file if it is not the one being loaded.
func within(file, entry string) string {
	if file == entry {
		return ""
	}
	return fmt.Sprintf("in %q: ", file)
}
