package command

// check --against: the schemas beside those of an earlier state.

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"redis-relay/config"
	"redis-relay/relay/preflight"
	"redis-relay/relay/schema"
)

// checkAgainst compares the schemas with those of a folder or a revision of git. The error of what is not compatible
// comes after all that is printed.
func (p *program) checkAgainst(state string, asJSON bool) error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	before, done, err := earlier(cfg, state)
	if err != nil {
		return err
	}
	defer done()
	compared, err := preflight.CompareSchemas(before, cfg)
	if err != nil {
		return err
	}
	write := compared.Write
	if asJSON {
		write = compared.WriteJSON
	}
	return errors.Join(write(p.stdout), compared.Allowed())
}

// earlier returns the configuration of an earlier state. done removes what was made for it.
func earlier(cfg *config.Config, state string) (before *config.Config, done func(), err error) {
	if info, err := os.Stat(state); err == nil && info.IsDir() {
		before, err = inFolder(cfg, state)
		return before, func() {}, err
	}
	dir, err := os.MkdirTemp("", "redis-relay-against-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	before, err = fromGit(cfg, state, dir)
	if err != nil {
		done()
		return nil, nil, err
	}
	return before, done, nil
}

// inFolder returns the configuration of a folder: its relay.yaml; without one, the routes of today with the schemas
// that the folder, or schemas in it, has.
func inFolder(cfg *config.Config, dir string) (*config.Config, error) {
	name := defaultFile
	if cfg.File != "" {
		name = filepath.Base(cfg.File)
	}
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err == nil {
		return config.Load(config.Source{Path: file, Required: true})
	}
	if inner := filepath.Join(dir, "schemas"); isFolder(inner) {
		dir = inner
	}
	return withSchemas(cfg, dir)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// withSchemas returns a configuration with the schemas of another folder. A route has those of its schemas that are
// there; one that has none of them is left out.
func withSchemas(cfg *config.Config, dir string) (*config.Config, error) {
	names, err := schema.Names(dir)
	if err != nil {
		return nil, err
	}
	before := *cfg
	before.Schemas.Dir = dir
	before.Routes = nil
	for _, r := range cfg.Routes {
		if list := r.Schemas(); len(list) > 0 {
			list = slices.DeleteFunc(slices.Clone(list), func(name string) bool { return !slices.Contains(names, name) })
			if len(list) == 0 {
				continue
			}
			r.Schema, r.OlderSchemas = list[0], list[1:]
		}
		before.Routes = append(before.Routes, r)
	}
	return &before, nil
}
