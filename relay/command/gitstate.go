package command

// A revision of git, as far as check --against needs it.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"redis-relay/config"
)

// repository is the repository of git around a folder, and a revision in it.
type repository struct {
	folder   string // of the configuration
	inside   string // the path of folder in the repository, with / behind it; empty: its root
	revision string
}

// fromGit writes the configuration file of a revision, and its schemas, into a folder, and reads them there.
func fromGit(cfg *config.Config, revision, into string) (*config.Config, error) {
	r, err := openRepository(cfg.Dir, revision)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(cfg.File)
	if cfg.File == "" {
		name = defaultFile
	}
	here := filepath.Join(into, filepath.FromSlash(r.inside))
	if err := r.copy(r.inside+name, into); err != nil {
		return nil, err
	}
	file := filepath.Join(here, name)
	if _, err := os.Stat(file); err != nil {
		return r.schemasAlone(cfg, into)
	}
	before, err := config.Load(config.Source{Path: file, Required: true})
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", name, revision, err)
	}
	dir, err := filepath.Rel(into, before.Schemas.Dir)
	if err != nil || !filepath.IsLocal(dir) {
		return nil, fmt.Errorf("%s of %s: schemas: %s is outside of the repository", name, revision, before.Schemas.Dir)
	}
	return before, r.copy(filepath.ToSlash(dir), into)
}

// schemasAlone is for a revision that has no configuration file: the routes of today with the schemas of then.
func (r *repository) schemasAlone(cfg *config.Config, into string) (*config.Config, error) {
	dir, err := filepath.Abs(cfg.Schemas.Dir)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Rel(r.folder, dir)
	if err != nil {
		return nil, err
	}
	if dir = filepath.Join(filepath.FromSlash(r.inside), dir); !filepath.IsLocal(dir) {
		return nil, fmt.Errorf("schemas: %s is outside of the repository", cfg.Schemas.Dir)
	}
	if err := r.copy(filepath.ToSlash(dir), into); err != nil {
		return nil, err
	}
	if !isFolder(filepath.Join(into, dir)) {
		return nil, fmt.Errorf("%s has neither the configuration nor the folder %s", r.revision, dir)
	}
	return withSchemas(cfg, filepath.Join(into, dir))
}

// openRepository finds the repository around a folder.
func openRepository(folder, revision string) (*repository, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	r := &repository{folder: folder}
	if _, err := exec.LookPath("git"); err != nil {
		return nil, fmt.Errorf("--against: %q is no folder, and there is no git that might know it as a revision", revision)
	}
	inside, err := r.git("rev-parse", "--show-prefix")
	if err != nil {
		return nil, fmt.Errorf("--against: %q is no folder, and %s is in no repository of git: %w", revision, folder, err)
	}
	commit, err := r.git("rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("--against: %q is neither a folder nor a revision of git", revision)
	}
	r.inside, r.revision = strings.TrimSpace(string(inside)), strings.TrimSpace(string(commit))
	return r, nil
}

// copy writes a file, or all files below a folder, as they were, into a folder. Nothing there is no error.
func (r *repository) copy(path, into string) error {
	args := []string{"ls-tree", "-r", "-z", "--full-tree", r.revision}
	if path != "." {
		args = append(args, "--", path)
	}
	list, err := r.git(args...)
	if err != nil {
		return err
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		about, name, found := strings.Cut(entry, "\t")
		if !found || !filepath.IsLocal(filepath.FromSlash(name)) {
			continue
		}
		if err := r.write(strings.Fields(about), filepath.Join(into, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// write writes one entry of a tree: its mode, type and object. Submodules are left out.
func (r *repository) write(about []string, file string) error {
	if len(about) != 3 || about[1] != "blob" {
		return nil
	}
	text, err := r.git("cat-file", "blob", about[2])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if about[0] == "120000" {
		return os.Symlink(string(text), file) // which is followed inside of the schemas folder only
	}
	return os.WriteFile(file, text, 0o600)
}

// git runs git in the folder of the configuration.
func (r *repository) git(args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"-C", r.folder}, args...)...)
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("git %s: %s", args[0], bytes.TrimSpace(failed.Stderr))
	}
	return out, err
}
