package asyncapi

// The files of a document that is read, and where references in them lead.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"redis-relay/relay/schema/drafts"
)

// maxReferences is how many references may stand one behind the other.
const maxReferences = 64

// files holds what has been read, by path.
type files struct{ roots map[string]*yaml.Node }

// spot is a place in a file: a JSON pointer, and what stands there.
type spot struct {
	file, at string
	node     *yaml.Node
}

// pairs lists the keys of a mapping with their values. Null, and nothing, have none; anything else is a mistake.
func (s spot) pairs() ([]pair, error) {
	if s.node != nil && s.node.Kind != yaml.MappingNode && s.node.Tag != "!!null" {
		return nil, s.wrong("must be a mapping")
	}
	return pairs(s.node), nil
}

// items lists what is in a list. Null, and nothing, have none; anything else is a mistake.
func (s spot) items() ([]spot, error) {
	if s.node != nil && s.node.Kind != yaml.SequenceNode && s.node.Tag != "!!null" {
		return nil, s.wrong("must be a list")
	}
	var list []spot
	for i, n := range items(s.node) {
		list = append(list, spot{s.file, s.at + "/" + strconv.Itoa(i), n})
	}
	return list, nil
}

// child is the value of a key.
func (s spot) child(key string) spot {
	return spot{s.file, s.at + "/" + drafts.EscapeToken(key), get(s.node, key)}
}

// wrong words a mistake at a place.
func (s spot) wrong(format string, args ...any) error {
	place := s.file
	if s.node != nil && s.node.Line > 0 {
		place = fmt.Sprintf("%s:%d", s.file, s.node.Line)
	}
	if s.at != "" {
		place += ": " + strings.TrimPrefix(s.at, "/")
	}
	return fmt.Errorf("%s: %w", place, fmt.Errorf(format, args...))
}

// maxFile is how many bytes a document may have.
const maxFile = 16 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("is larger than %d MiB; take out what is not about channels", maxFile>>20)
	}
	return data, err
}

// leadingLine finds the line that an error begins with.
var leadingLine = regexp.MustCompile(`^: line (\d+): `)

// open reads a file, once.
func (f *files) open(path string) (spot, error) {
	if root := f.roots[path]; root != nil {
		return spot{path, "", root}, nil
	}
	data, err := readFile(path)
	if err != nil {
		var failed *fs.PathError
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return spot{}, fmt.Errorf("%s: %w", path, err)
	}
	root, err := parse(data)
	if err != nil {
		return spot{}, errors.New(path + leadingLine.ReplaceAllString(": "+err.Error(), ":$1: "))
	}
	f.roots[path] = root
	return spot{path, "", root}, nil
}

// resolve returns where a reference in a file leads.
func (f *files) resolve(from spot, ref string) (spot, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return spot{}, from.wrong("%q is no reference", ref)
	}
	if u.Scheme != "" || u.Host != "" {
		return spot{}, from.wrong("%q leads to the network; save what is there to a file, and refer to that", ref)
	}
	path := from.file
	if u.Path != "" {
		path = filepath.Join(filepath.Dir(from.file), filepath.FromSlash(u.Path))
	}
	root, err := f.open(path)
	if err != nil {
		return spot{}, from.wrong("%w", err)
	}
	target := spot{path, u.Fragment, at(root.node, u.Fragment)}
	if target.node == nil {
		return spot{}, from.wrong("%q leads nowhere", ref)
	}
	return target, nil
}

// follow returns what a place refers to, or the place itself if it refers to nothing.
func (f *files) follow(s spot) (spot, error) {
	start := s
	for range maxReferences {
		ref := textOf(get(s.node, "$ref"))
		if ref == "" {
			return s, nil
		}
		var err error
		if s, err = f.resolve(s, ref); err != nil {
			return spot{}, err
		}
	}
	return spot{}, start.wrong("references lead in a circle")
}
