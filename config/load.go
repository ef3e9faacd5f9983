package config

// This file lays the sources over each other: defaults, file, environment, flags.

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// Source says where a configuration comes from.
type Source struct {
	Path     string            // of the file; "": none
	Required bool              // a missing file is an error, not a reason to use the defaults
	Env      []string          // NAME=value, as os.Environ returns it
	Flags    map[string]string // key path -> text, for what was given on the command line

	// Others, if not nil, says what is wrong with the files that a configuration names. Read asks it when it
	// has found mistakes itself, so that all are told at once. What it says begins with a key, or is joined of
	// errors that do. The configuration that it gets lacks what is wrong.
	Others func(*Config) error

	wasThere, hadKeys bool // the file, when it was read last; set by Reread
}

// Load reads a configuration: the defaults, overlaid by the file, by RELAY_*
// variables, by flags. Text keys take a variable's text as it is, even empty;
// for other keys an empty variable counts as unset, lists are written
// "1000,1001" or "[1000, 1001]", routes as YAML.
//
// All problems of all sources are reported, joined; each is a *KeyError, or the
// error of reading the file. A file may have 1 MiB. The result has not been
// judged yet: call Validate.
func Load(src Source) (*Config, error) {
	cfg, errs := load(src)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return cfg, nil
}

// Read is Load and Validate, and reports at once what either finds.
func Read(src Source) (*Config, error) {
	cfg, errs := load(src)
	if cfg != nil {
		for _, problem := range cfg.problems() {
			if !follows(problem, errs, cfg.sources) {
				errs = append(errs, problem)
			}
		}
	}
	if len(errs) == 0 {
		return cfg, nil
	}
	if cfg != nil && src.Others != nil {
		errs = append(errs, cfg.others(errs)...)
	}
	return nil, errors.Join(errs...)
}

// others is what Source.Others says, but for what it says about keys of which something is wrong already.
func (c *Config) others(found []error) (list []error) {
	for _, err := range apart(c.source.Others(c)) {
		m := leadingKey.FindStringSubmatch(err.Error())
		if m == nil || !follows(&KeyError{Path: m[1]}, found, c.sources) {
			list = append(list, c.Locate(err))
		}
	}
	return list
}

// follows tells whether what Validate says comes from a mistake that Load has found: it
// is about the value that could not be read, or about one that is absent, where a key of
// the same mapping is not known.
func follows(problem *KeyError, found []error, sources map[string]string) bool {
	_, written := sources[problem.Path]
	for _, err := range found {
		var mistake *KeyError
		switch {
		case !errors.As(err, &mistake), mistake.Path == "":
		case within(problem.Path, mistake.Path), !written && within(problem.Path, around(mistake.Path)):
			return true
		}
	}
	return false
}

// load lays the sources over each other. The result lacks what the errors are about; it
// is nil if the file cannot be read at all.
func load(src Source) (*Config, []error) {
	l := loader{values: koanf.New("."), sources: map[string]string{}}
	dir, file := ".", ""
	switch text, err := readFile(src.Path); {
	case errors.Is(err, fs.ErrNotExist) && src.wasThere:
		return nil, []error{errGone(src.Path)}
	case err == nil && src.hadKeys && isEmpty(text):
		return nil, []error{errEmptied(src.Path)}
	case err == nil && src.Path != "":
		dir, file = filepath.Dir(src.Path), src.Path
		l.addFile(src.Path, text)
	case errors.Is(err, fs.ErrNotExist) && !src.Required:
	case err != nil:
		l.fail(err)
	}
	unread := len(l.errs) > 0 && !l.read
	l.addEnv(src.Env)
	l.addFlags(src.Flags)
	if unread {
		return nil, l.errs
	}

	cfg := Default()
	cfg.sources = l.sources
	if err := cfg.decode(l.values.Raw()); err != nil {
		return nil, append(l.errs, fmt.Errorf("decode config: %w", err))
	}
	cfg.File, cfg.Dir = file, dir
	cfg.source, cfg.hasKeys = src, l.read
	cfg.resolvePaths()
	return &cfg, l.errs
}

// Reread reads the configuration again from where it came: the file as it is now,
// under the same environment and flags. A file that c was read from and that is gone
// now is an error, and so is one that has become empty: an editor may have emptied it
// only to write it, and without its routes and limits nothing would be checked.
func (c *Config) Reread() (*Config, error) {
	src := c.source
	src.wasThere, src.hadKeys = c.File != "", c.hasKeys
	return Read(src)
}

// loader gathers the layers above the defaults.
type loader struct {
	values  *koanf.Koanf
	sources map[string]string // key path -> where its value was written
	errs    []error
	read    bool // the file has a tree, though there may be mistakes in it
}

func (l *loader) fail(errs ...error) { l.errs = append(l.errs, errs...) }

// addFile lays a file's text over what is there.
func (l *loader) addFile(name string, text []byte) {
	at := inFile(name)
	root, err := parse(at, text)
	if err != nil {
		l.fail(err)
	}
	if root == nil {
		return
	}
	writeOut(root)
	c := newChecker(at)
	usable := c.check(root, reflect.TypeFor[Config](), "")
	l.fail(c.errs...)
	l.fail(mainTwice(c.sources)...)
	if !usable || err != nil {
		return
	}
	l.read = true
	var tree map[string]any
	if err := root.Decode(&tree); err != nil { // what is left: values with odd tags
		l.fail(syntaxError(at, nil, err))
		return
	}
	for key, value := range tree {
		l.set(key, value, nil)
	}
	maps.Copy(l.sources, c.sources)
}

// addText lays one key's text over what is there. origin names the variable or
// flag it came from.
func (l *loader) addText(f field, origin, text string) {
	n, err := textNode(f.typ, origin, text)
	if err != nil {
		l.fail(err)
		return
	}
	c := newChecker(in(origin))
	c.check(n, f.typ, f.name)
	if len(c.errs) > 0 {
		l.fail(c.errs...)
		return
	}
	var value any
	if err := n.Decode(&value); err != nil {
		l.fail(syntaxError(in(origin), nil, err))
		return
	}
	l.set(f.name, value, c.sources)
}

// set replaces the value at a path and forgets where the old one was written.
func (l *loader) set(path string, value any, sources map[string]string) {
	if err := l.values.Set(path, value); err != nil {
		l.fail(fmt.Errorf("set %s: %w", path, err))
		return
	}
	maps.DeleteFunc(l.sources, func(p, _ string) bool {
		return within(p, path)
	})
	maps.Copy(l.sources, sources)
}

// textNode reads the text of a variable or flag as a value of type t.
func textNode(t reflect.Type, origin, text string) (*yaml.Node, error) {
	if t.Kind() == reflect.String {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}, nil
	}
	if len(text) > maxFile {
		return nil, &KeyError{Origin: origin, Reason: "too long", Err: ErrTooLarge}
	}
	text = strings.TrimSpace(text)
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Struct && !strings.HasPrefix(text, "[") {
		text = "[" + text + "]"
	}
	n, err := parse(in(origin), []byte(text))
	if n == nil && err == nil {
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	return n, err
}

// addFlags lays the flags over what is there.
func (l *loader) addFlags(flags map[string]string) {
	for _, path := range slices.Sorted(maps.Keys(flags)) {
		f, ok := leafAt(path)
		if !ok {
			near, _ := Nearest(path, paths())
			l.fail(&KeyError{
				Origin: "--" + path, Err: ErrUnknownKey,
				Reason: "unknown flag; the nearest known is --" + near,
			})
			continue
		}
		l.addText(f, "--"+path, flags[path])
	}
}

// decode lays a tree that passed the strict check over c. Routes are resolved
// on their own, since what a kind inherits is more than decoding; and upstreams, whose
// defaults are not those of an empty value.
func (c *Config) decode(tree map[string]any) error {
	routes, _ := tree[routesPath].([]any)
	delete(tree, routesPath)
	if err := c.decodeUpstreams(tree); err != nil {
		return err
	}
	if err := overlay(c, tree); err != nil {
		return err
	}
	for i, written := range routes {
		set, _ := written.(map[string]any)
		route, err := resolveRoute(set)
		if err != nil {
			return fmt.Errorf("resolve %s: %w", item(routesPath, i), err)
		}
		c.Routes = append(c.Routes, route)
	}
	return nil
}

// overlay sets the fields of *dst that the tree names, and leaves the others.
func overlay(dst any, tree map[string]any) error {
	dec, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:  dst,
		TagName: "koanf",
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.TextUnmarshallerHookFunc(),
		),
	})
	if err != nil {
		return err
	}
	return dec.Decode(tree)
}

// resolvePaths takes relative file names from the config file's folder.
func (c *Config) resolvePaths() {
	c.Redis.resolvePaths(c.Dir)
	for name, r := range c.Upstreams {
		r.resolvePaths(c.Dir)
		c.Upstreams[name] = r
	}
	for _, p := range []*string{
		&c.Schemas.Dir, &c.Socket.PasswordFile, &c.NATS.TokenFile, &c.NATS.Leaf.Credentials, &c.NATS.Leaf.CA,
		&c.HTTP.TokenFile, &c.Alerts.WebhookTokenFile,
	} {
		resolvePath(p, c.Dir)
	}
}

func (r *Redis) resolvePaths(dir string) {
	for _, p := range []*string{&r.PasswordFile, &r.Sentinel.PasswordFile, &r.TLS.CA, &r.TLS.Cert, &r.TLS.Key} {
		resolvePath(p, dir)
	}
	r.Credentials.resolve(dir)
}

func resolvePath(p *string, dir string) {
	if *p != "" && !filepath.IsAbs(*p) {
		*p = filepath.Join(dir, *p)
	}
}
