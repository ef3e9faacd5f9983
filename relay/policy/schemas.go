package policy

// The schemas that routes are checked against, and what is doubtful about them.

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

// loadSchemas compiles the schemas. While no route has one they need not be there,
// and what is wrong with one is a warning, so that it is known before a route does.
func loadSchemas(cfg *config.Config) (set *schema.Set, warnings []string, err error) {
	set, err = schema.Load(cfg.Schemas.Dir, string(cfg.Schemas.Draft))
	needed := slices.ContainsFunc(cfg.Routes, func(r config.Route) bool { return r.Schema != "" })
	switch {
	case err == nil:
		return set, doubts(set), nil
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

// SchemaProblems says all that is wrong with the schemas and the names that routes call them. The configuration
// may be one with mistakes. The errors are joined.
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
		if name := cfg.Routes[i].Schema; name != "" && !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("routes[%d].schema: %w", i, unknownSchema(cfg, name, names)))
		}
	}
	return errors.Join(errs...)
}

// doubts says what of schemas does less than it seems to.
func doubts(set *schema.Set) (warnings []string) {
	const most = 10 // of one file
	of := map[string]int{}
	for _, d := range set.Doubts() {
		text := doubtWords(d)
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

// doubtWords returns what is to be said of a doubt, empty if it is none after all.
func doubtWords(d schema.Doubt) string {
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

// Warnings says what in the settings does less than it seems to, and which schemas would fail.
func (r *Rules) Warnings() []string { return r.warnings }

// UsedSchema is a schema that a route has.
type UsedSchema struct {
	Name     string
	Fallback string // the keyword for which it is not compiled, and the limit that it meets; empty: it is
}

// UsedSchemas lists the schemas of the routes, by name.
func (r *Rules) UsedSchemas() (list []UsedSchema) {
	used := map[string]bool{}
	for _, rt := range r.table.Routes() {
		used[rt.SchemaName] = true
	}
	for _, name := range r.schemas.Names() {
		if used[name] {
			list = append(list, UsedSchema{name, fallback(r.schemas, name)})
		}
	}
	return list
}

// fallback returns the keyword for which a schema is not compiled, and the limit that it meets; empty if it is.
func fallback(set *schema.Set, name string) string {
	checker, err := set.Checker(name, "")
	if err != nil {
		return "" // of its own names it knows all
	}
	_, why := checker.Compiled()
	return why
}
