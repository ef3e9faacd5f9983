package config

// This file reads the file's text.

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Addresses returns http.listen and socket.path as far as they can be read: of a file with
// mistakes, too, beside which a running relay goes on as before. The defaults stand for
// the rest.
func Addresses(src Source) (http, socket string) {
	var file struct {
		HTTP   struct{ Listen *string }
		Socket struct{ Path *string }
	}
	if text, err := readFile(src.Path); err == nil {
		_ = yaml.Unmarshal(text, &file) // what it can
	}
	c := Default()
	http = src.text("http.listen", file.HTTP.Listen, c.HTTP.Listen)
	socket = src.text("socket.path", file.Socket.Path, c.Socket.Path)
	return http, socket
}

// text returns the value of a key that is text, of which the file's is given.
func (src Source) text(path string, inFile *string, value string) string {
	if inFile != nil {
		value = *inFile
	}
	for _, pair := range src.Env {
		if name, text, _ := strings.Cut(pair, "="); name == envName(path) {
			value = text
		}
	}
	if text, given := src.Flags[path]; given {
		value = text
	}
	return value
}

// readFile returns the file's text, and nothing for no path.
func readFile(path string) (text []byte, err error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fileError(path, err)
	}
	if len(text) > maxFile {
		return nil, &KeyError{
			Origin: path, Reason: fmt.Sprintf("%v: the limit is %v", ErrTooLarge, Size(maxFile)), Err: ErrTooLarge,
		}
	}
	return text, nil
}

// isEmpty tells whether a file sets nothing: it has no bytes, or only comments.
func isEmpty(text []byte) bool {
	root, err := parse(in(""), text)
	return root == nil && err == nil
}

// errGone is about a file that a running relay has read, and that is not there any more.
func errGone(path string) error {
	return &KeyError{Origin: path, Err: fs.ErrNotExist, Reason: "it was there and is gone; put it back, or restart the " +
		"relay to run without it"}
}

// errEmptied is about a file that a running relay has read, and that sets nothing any more.
func errEmptied(path string) error {
	return &KeyError{Origin: path, Err: ErrInvalid, Reason: "it had keys and is empty now, as while it is being saved; " +
		"write routes: [] to run without routes"}
}

// fileError names the file once, and the way out.
func fileError(path string, err error) error {
	cause := err
	var failed *fs.PathError
	if errors.As(err, &failed) {
		cause = failed.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; name another with --config, or write one: redis-relay init --config %[1]s", path, cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w; let the user that runs the relay read it", path, cause)
	}
	return fmt.Errorf("%s: %w; name a file with --config", path, cause)
}
