package harness

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Files of the repository, and of a test.

// WriteFile puts text into a file of dir, in one step, so that a relay which looks at the file reads all of the text or
// none, and returns its path.
func WriteFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	err := os.WriteFile(path+".new", []byte(text), 0o600)
	if err = errors.Join(err, os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	return path
}

// Path returns where a file of the repository is, given by its path from the root.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, err := root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// root is the folder of go.mod, found from the folder of the package under test.
var root = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			err = errors.New("no go.mod: the tests need the whole repository")
		}
		dir = parent
	}
	return "", err
})
