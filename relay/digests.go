package relay

// What a reload has changed in the folder of schemas.

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/schema"
)

// digests are of the schema files, by their path in the folder.
type digests map[string]uint64

// digestSchemas reads the files in the folder that schemas may be in. What cannot be
// read is left out: loading it has failed, or will.
func digestSchemas(cfg *config.Config) digests {
	all := digests{}
	root, err := filepath.EvalSymlinks(cfg.Schemas.Dir) // WalkDir does not look behind one
	if err != nil {
		return all
	}
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		name, inside := filepath.Rel(root, path)
		switch {
		case err != nil || inside != nil:
			return filepath.SkipDir
		case name != "." && strings.HasPrefix(entry.Name(), "."): // also what a ConfigMap's links lead to
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case strings.HasSuffix(name, ".json") && name != schema.ForEditors:
			if sum, err := digest(path); err == nil {
				all[name] = sum
			}
		}
		return nil
	})
	return all
}

func digest(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	h := fnv.New64a()
	_, err = io.Copy(h, f)
	return h.Sum64(), err
}

// changes lists for people what differs in next.
func (running digests) changes(next digests) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(next)) {
		switch was, old := running[name]; {
		case !old:
			list = append(list, fmt.Sprintf("schema %q added", name))
		case was != next[name]:
			list = append(list, fmt.Sprintf("schema %q changed", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(running)) {
		if _, stays := next[name]; !stays {
			list = append(list, fmt.Sprintf("schema %q removed", name))
		}
	}
	return list
}
