// This file confines references to the schemas folder, and finds who refers to what.

package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxFile is the largest schema file that is read, in bytes.
const maxFile = 4 << 20

// baseURL is where the library sees the folder. A reference with too many ".." or an absolute path
// resolves to something that does not begin with it.
const baseURL = "schemas:///folder/"

// folder gives the library the files of one compilation. Owned by one goroutine.
type folder struct {
	root *os.Root       // fixed after construction
	docs map[string]any // files read so far, by name
	last string         // the file read last
}

func newFolder(root *os.Root) *folder {
	return &folder{root: root, docs: make(map[string]any)}
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

// load opens a file of the folder for the library, and refuses every other URL.
func (f *folder) load(target string) (io.ReadCloser, error) {
	name, ok := fileName(target)
	if !ok {
		return nil, &fileError{
			target: target, reason: "outside the schemas folder",
			wayOut: "copy it into the folder and refer to it by a relative path (which an $id may redirect)",
		}
	}
	f.last = name
	data, err := f.read(name)
	if err != nil {
		return nil, &fileError{target: target, reason: osReason(err).Error(), wayOut: "add the file or correct the reference"}
	}
	if _, bad := guard(data, ""); bad.why != none {
		line, column := position(data, bad.at)
		return nil, &fileError{
			target: target, syntax: true, wayOut: "correct the JSON",
			reason: fmt.Sprintf("line %d, column %d: %s", line, column, bad.reason(data)),
		}
	}
	doc, err := decode(data)
	if err != nil {
		return nil, &fileError{target: target, reason: err.Error(), wayOut: "correct the JSON"}
	}
	f.docs[name] = doc
	return io.NopCloser(bytes.NewReader(data)), nil
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

// fileError says what is wrong with a file or a place that a schema needs.
type fileError struct {
	target string // URL
	reason string
	wayOut string
	syntax bool // the trouble is inside the file
}

// Error implements error.
func (e *fileError) Error() string {
	return fmt.Sprintf("%q: %s: %s", readable(e.target), e.reason, e.wayOut)
}

// in adds who refers to the target.
func (e *fileError) in(f *folder, entry string) error {
	if e.target == fileURL(entry) {
		return fmt.Errorf("%s: %s", e.reason, e.wayOut)
	}
	if e.syntax {
		return fmt.Errorf("in %w", e)
	}
	for _, name := range slices.Sorted(maps.Keys(f.docs)) {
		if at, ref, ok := findRef(f.docs[name], fileURL(name), "", e.target); ok {
			at, ref = oneLine(at, maxPointer), oneLine(ref, maxReason)
			return fmt.Errorf("%s%s: %q: %s: %s", within(name, entry), at, ref, e.reason, e.wayOut)
		}
	}
	return e
}

// findRef returns a keyword in a schema that refers to target: its JSON pointer and its value. Relative
// references in the schema resolve against base.
func findRef(doc any, base, at, target string) (pointer, ref string, ok bool) {
	switch doc := doc.(type) {
	case map[string]any:
		if id, ok := doc["$id"].(string); ok {
			base = resolve(base, id)
		}
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			child := at + "/" + escapeToken(name)
			if ref, ok := doc[name].(string); ok && isRef(name) && refersTo(resolve(base, ref), target) {
				return child, ref, true
			}
			if pointer, ref, ok = findRef(doc[name], base, child, target); ok {
				return pointer, ref, true
			}
		}
	case []any:
		for i, item := range doc {
			if pointer, ref, ok = findRef(item, base, at+"/"+strconv.Itoa(i), target); ok {
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

// resolve returns ref as seen from base, or ref itself if either is no URL.
func resolve(base, ref string) string {
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := b.Parse(ref)
	if err != nil {
		return ref
	}
	return u.String()
}

func escapeToken(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// readable returns text without the base under which the library knows the folder.
func readable(text string) string {
	text = strings.ReplaceAll(text, baseURL, "")
	return strings.ReplaceAll(text, "schemas:///", "/")
}
