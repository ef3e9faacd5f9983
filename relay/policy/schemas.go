package policy

// The schemas of routes, and warnings about them.

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/schema"
)

// loadSchemas compiles the schemas. While no route has a schema, the folder need not exist, and an invalid schema
// causes a warning, so that it is known before a route uses it.
func loadSchemas(cfg *config.Config) (set *schema.Set, warnings []string, err error) {
	set, err = schema.Load(cfg.Schemas.Dir, string(cfg.Schemas.Draft))
	needed := slices.ContainsFunc(cfg.Routes, func(r config.Route) bool { return r.Schema != "" })
	switch {
	case err == nil:
		return set, schemaWarnings(set), nil
	case needed && errors.Is(err, schema.ErrFolder):
		return nil, nil, fmt.Errorf("schemas: %w", err)
	case needed:
		return nil, nil, err
	case errors.Is(err, schema.ErrFolder) && errors.Is(err, fs.ErrNotExist):
		return &schema.Set{}, nil, nil
	}
	for problem := range strings.SplitSeq(err.Error(), "\n") { // a line for each file
		warnings = append(warnings, "no route has a schema yet, but one would fail: "+problem)
	}
	return &schema.Set{}, warnings, nil
}

// SchemaProblems returns all that is wrong with the schemas, and with the names of schemas in routes, as one joined
// error. The configuration itself may have mistakes.
func SchemaProblems(cfg *config.Config) error {
	needed := slices.ContainsFunc(cfg.Routes, func(r config.Route) bool { return r.Schema != "" })
	if !needed {
		return nil
	}
	_, err := schema.Load(cfg.Schemas.Dir, string(cfg.Schemas.Draft))
	if errors.Is(err, schema.ErrFolder) {
		return fmt.Errorf("schemas: %w", err)
	}
	names, listed := schema.Names(cfg.Schemas.Dir)
	if listed != nil {
		return errors.Join(err, listed)
	}
	errs := []error{err}
	for i := range cfg.Routes {
		errs = append(errs, unknownSchemas(cfg, i, names))
	}
	return errors.Join(errs...)
}

// schemaWarnings returns warnings about places in schemas that check nothing.
func schemaWarnings(set *schema.Set) (warnings []string) {
	const most = 10 // of one file
	of := map[string]int{}
	for _, d := range set.Warnings() {
		text := warningText(d)
		if text == "" {
			continue
		}
		if of[d.File]++; of[d.File] <= most {
			warnings = append(warnings, text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if more := of[name] - most; more > 0 {
			warnings = append(warnings, fmt.Sprintf("schema %s: %d more of these", name, more))
		}
	}
	return warnings
}

// warningText returns the text of a warning, empty if there is no reason for one.
func warningText(d schema.Warning) string {
	meant, near := config.Typo(d.Name, d.Among)
	place := "schema " + d.File + ": " + d.Pointer
	switch {
	case near && d.Why == "":
		return fmt.Sprintf("%s: %q checks nothing: no draft has that keyword; did you mean %q?", place, d.Name, meant)
	case near:
		return fmt.Sprintf("%s: %q checks nothing: %s; did you mean %q?", place, d.Name, d.Why, meant)
	case d.Why == "":
		return ""
	}
	return fmt.Sprintf("%s: %q checks nothing: %s", place, d.Name, d.Why)
}

// Warnings returns warnings for people: what in the configuration has no effect, and which schemas would fail.
func (r *Rules) Warnings() []string { return r.warnings }

// UsedSchema is a schema that a route uses.
type UsedSchema struct {
	Name     string
	Fallback string // the keyword that prevents compiling it, and the limit exceeded; empty: it is compiled
}

// UsedSchemas lists the schemas of the routes, by name.
func (r *Rules) UsedSchemas() (list []UsedSchema) {
	used := map[string]bool{}
	for _, rt := range r.table.Routes() {
		for _, name := range rt.Schemas {
			used[name] = true
		}
	}
	for _, name := range r.schemas.Names() {
		if used[name] {
			list = append(list, UsedSchema{name, fallback(r.schemas, name)})
		}
	}
	return list
}

// fallback returns the keyword that prevents compiling a schema, and the limit exceeded; empty if it is compiled.
func fallback(set *schema.Set, name string) string {
	checker, err := set.Checker(name, "")
	if err != nil {
		return "" // never: the set knows its own names
	}
	_, why := checker.Compiled()
	return why
}
