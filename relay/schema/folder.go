package schema

// The folder of schemas: reading its files.

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
)

// maxFile is the largest schema file that is read, in bytes.
const maxFile = 4 << 20

// folder holds the files of one Load. It belongs to one goroutine.
type folder struct {
	root    *os.Root          // fixed after construction
	draft   *jsonschema.Draft // of files that name no draft; fixed after construction
	chosen  bool              // the configuration names draft; fixed after construction
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
	d, chosen := drafts.Named[draft]
	if !chosen {
		d = jsonschema.Draft2020
	}
	return &folder{
		root: root, draft: d, chosen: chosen, files: make(map[string]*file), ids: make(map[string][]location),
		written: make(map[string]string),
	}
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
	if uri, ok := schemaOf(read.doc); ok && drafts.Of(uri) != nil {
		read.draft = drafts.Of(uri)
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

// part returns what stands at a location.
func (f *folder) part(l location) any { return child(f.open(l.file).doc, l.at) }

// child returns what stands at a JSON pointer in a document, nil if nothing does.
func child(doc any, at string) any {
	if at == "" {
		return doc
	}
	for token := range strings.SplitSeq(at[1:], "/") {
		token = drafts.UnescapeToken(token)
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
