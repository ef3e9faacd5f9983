package schema

// This file compiles the schema files of a folder.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
)

// ForEditors is the file of the schemas folder that describes relay.yaml to editors. It is of no message, so it is
// not loaded.
const ForEditors = "relay.schema.json"

// Load compiles the schemas in a folder: each file in it whose name ends in ".json" and does not begin
// with ".", but for ForEditors. Symbolic links must be relative and lead to a place inside the folder, as
// those of a mounted Kubernetes ConfigMap do. Subfolders hold only what a $ref reaches, by path or by $id.
//
// A file whose $schema names no draft is of the draft given: "4", "6", "7", "2019-09" or "2020-12". Empty, or one
// that is none of those, is 2020-12 for files without $schema, and an error for others.
//
// The error joins what is wrong with every file, up to ten mistakes of each, with their places and the way out; it
// wraps ErrFolder or ErrInvalid. There is no Set unless all is well.
func Load(dir, draft string) (*Set, error) {
	root, names, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // only ever read from
	f := newFolder(root, draft)
	f.shared = newServing(f)
	for _, name := range names {
		f.index(name)
	}
	set := &Set{schemas: make(map[string]compiled, len(names))}
	var errs []error
	for _, name := range names {
		examiner, err := f.compile(name)
		if err != nil {
			for _, mistake := range list(err) {
				errs = append(errs, f.invalid(dir, name, mistake))
			}
			continue
		}
		program, refused := build(examiner.root.schema)
		examiner.nameWritten(f.written)
		uri, named := schemaOf(f.open(name).doc)
		set.schemas[name] = compiled{
			examiner: examiner, program: program, refused: f.placeIn(name, refused),
			draft: drafts.NameOf(f.open(name).draft), named: named && drafts.Of(uri) != nil,
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	set.warnings = f.warnings()
	return set, nil
}

// invalid words a mistake in a file of the folder dir. Where the file is no JSON, it begins with the place, as
// editors open it.
func (f *folder) invalid(dir, name string, mistake error) error {
	var at *fileError
	if errors.As(f.open(name).err, &at) && at.line > 0 {
		place := filepath.Join(dir, name)
		return fmt.Errorf("%s:%d:%d: %w: %s: %s", place, at.line, at.column, ErrInvalid, at.reason, at.wayOut)
	}
	return fmt.Errorf("load %q: %w: %w", name, ErrInvalid, mistake)
}

func folderError(dir string, err error) error {
	return fmt.Errorf("open %q: %w: %w: create it or name another", dir, ErrFolder, osReason(err))
}

// Names lists the schemas in a folder, which need not be valid, sorted.
func Names(dir string) ([]string, error) {
	root, names, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // only ever read from
	return names, nil
}

// openFolder opens a folder, and lists the schemas in it, sorted. The error wraps ErrFolder.
func openFolder(dir string) (root *os.Root, names []string, err error) {
	if root, err = os.OpenRoot(dir); err != nil {
		return nil, nil, folderError(dir, err)
	}
	if names, err = entries(root); err != nil {
		_ = root.Close()
		return nil, nil, folderError(dir, err)
	}
	return root, names, nil
}

// entries returns the names of the schema files, sorted.
func entries(root *os.Root) ([]string, error) {
	all, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	var names []string
	for _, entry := range all {
		name := entry.Name()
		if !strings.HasSuffix(name, ".json") || strings.HasPrefix(name, ".") || name == ForEditors {
			continue
		}
		if info, err := root.Stat(name); err == nil && info.IsDir() {
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// compile compiles one file with its references. All files share a compiler until one cannot be compiled: then the
// library's is left with resources that are half compiled, and each gets one of its own.
func (f *folder) compile(name string) (*examiner, error) {
	if err := f.clash(name); err != nil {
		return nil, err
	}
	if f.shared != nil {
		if x, err := f.shared.compile(name); err == nil {
			return x, nil
		}
		f.shared = nil
	}
	s := newServing(f)
	x, err := s.compile(name)
	if err != nil {
		return nil, f.explainAll(s, name, err)
	}
	return x, nil
}

func newServing(f *folder) *serving {
	s := &serving{folder: f, compiler: newCompiler()}
	s.compiler.LoadURL, s.compiler.Draft = s.load, f.draft
	return s
}

func (s *serving) compile(name string) (x *examiner, err error) {
	defer func() {
		if p := recover(); p != nil {
			x, err = nil, fmt.Errorf("the schema library failed on %q: %v: correct or simplify it", s.last().file, p)
		}
	}()
	sch, err := s.compiler.Compile(s.url(name))
	if err != nil {
		return nil, err
	}
	x = newExaminer(sch)
	return x, x.probe()
}

// newCompiler returns the library's compiler, for which contentEncoding and contentMediaType are annotations in every
// draft, as the specifications from 2019-09 on say and that of draft 7 allows.
func newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	for encoding := range jsonschema.Decoders {
		c.Decoders[encoding] = nil
	}
	for mediaType := range jsonschema.MediaTypes {
		c.MediaTypes[mediaType] = nil
	}
	return c
}

// probe examines one value of each type, since the library finds no references that lead in a circle through several
// files.
func (x *examiner) probe() error {
	for _, value := range []string{`null`, `true`, `0`, `""`, `[]`, `{}`} {
		_, ended := x.examine([]byte(value), newBudget(fullSteps(len(value)), nil))
		if place, found := strings.CutPrefix(string(ended), inCircle); found {
			return jsonschema.InfiniteLoopError(place)
		}
	}
	return nil
}

// explain names the file and place that a failed compilation is about, and the way out.
func explain(s *serving, entry string, err error) error {
	if wrong, ok := errors.AsType[*fileError](err); ok {
		return wrong.in(s, entry)
	}
	if loop, ok := errors.AsType[jsonschema.InfiniteLoopError](err); ok {
		return fmt.Errorf("references lead in a circle at %s: let one of them end", s.placeIn(entry, readable(string(loop))))
	}
	if tree, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		leaf := chooseLeaf(tree)
		at, file := s.blame(pointer(leaf))
		return fmt.Errorf("%s%w: see the draft that $schema names", within(file, entry), newError(at, message(leaf)))
	}
	if schemaErr, ok := errors.AsType[*jsonschema.SchemaError](err); ok {
		err = schemaErr.Err
	}
	text := strings.TrimPrefix(err.Error(), "jsonschema: ")
	if target, ok := strings.CutSuffix(text, " not found"); ok {
		missing := &fileError{target: target, reason: "nothing is there", wayOut: "correct the reference"}
		return missing.in(s, entry)
	}
	return fmt.Errorf("%s%s: correct the file", within(s.last().file, entry), readable(text))
}

// blame finds the file of which the library says that it is wrong at a JSON pointer: the one served last, unless
// nothing is there. Patterns in the pointer become what is written.
func (s *serving) blame(at string) (pointer, file string) {
	tokens := strings.Split(at, "/")
	for i, token := range tokens {
		name := drafts.UnescapeToken(token)
		if i > 0 && tokens[i-1] == "patternProperties" && s.written[name] != "" {
			tokens[i] = drafts.EscapeToken(s.written[name])
		}
	}
	at = strings.Join(tokens, "/")
	for _, l := range slices.Backward(s.served) {
		if child(s.open(l.file).doc, l.at+at) != nil {
			return l.at + at, l.file
		}
	}
	return s.last().at + at, s.last().file
}
