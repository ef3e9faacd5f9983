package docs_test

// Names in running text: files, methods and keys that pages mention are there.

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
)

// sources reads the Go files of the project, by their paths from the root.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, dir := range []string{"config", "relay"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			files[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

var (
	goFile = regexp.MustCompile(`^[\w/]+\.go$`)
	method = regexp.MustCompile(`^(?:\w+\.)?([A-Z]\w+)\.([A-Z]\w+)$`)
)

// TestFilesAndMethods: what a page names of the code is there.
func TestFilesAndMethods(t *testing.T) {
	t.Parallel()
	files := sources(t)
	found := 0
	for _, p := range manual(t) {
		for _, word := range codeWords(p.prose()) {
			switch m := method.FindStringSubmatch(word); {
			case goFile.MatchString(word):
				found++
				if !hasFile(files, word) {
					t.Errorf("%s names the file %s, which is not there", p.path, word)
				}
			case m != nil:
				found++
				if !hasMethod(files, m[1], m[2]) {
					t.Errorf("%s names the method %s, which is not there", p.path, word)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d names found", found)
	}
}

func hasFile(files map[string]string, name string) bool {
	for path := range files {
		if strings.HasSuffix("/"+path, "/"+name) {
			return true
		}
	}
	return false
}

func hasMethod(files map[string]string, of, name string) bool {
	declared := regexp.MustCompile(`(?m)^func \(\w+ \*?` + of + `(\[\w+\])?\) ` + name + `\(`)
	for _, text := range files {
		if declared.MatchString(text) {
			return true
		}
	}
	return false
}

var keyLike = regexp.MustCompile(`^(redis|socket|nats|http|log|limits|schemas)\.[a-z_.]+$`)

// TestKeysInText: a key that is mentioned is a key. Scripts call redis.pcall.
func TestKeysInText(t *testing.T) {
	t.Parallel()
	known := []string{"redis.pcall"}
	for _, key := range config.Keys() {
		known = append(known, key.Path)
	}
	found := 0
	for _, p := range manual(t) {
		for _, word := range codeWords(p.prose()) {
			name, _, _ := strings.Cut(word, ": ")
			if !keyLike.MatchString(name) {
				continue
			}
			if found++; !slices.Contains(known, name) {
				t.Errorf("%s mentions the key %s, which is none", p.path, name)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d keys found", found)
	}
}
