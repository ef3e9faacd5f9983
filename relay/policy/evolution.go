package policy

// How the schemas of routes have changed, and whether they may.

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/schema"
	"redis-relay/relay/schema/evolve"
)

// side is what a route's schemas are compared by.
type side struct {
	index  int // of the route in the configuration
	names  []string
	accept evolve.Side
	evolve config.Evolve
}

// newSides returns what the schemas of each route are. All schemas must be known.
func newSides(cfg *config.Config, set *schema.Set) map[string]side {
	sides := make(map[string]side, len(cfg.Routes))
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		s := side{index: i, names: r.Schemas(), evolve: r.Evolve}
		for _, name := range s.names {
			if c, err := set.Checker(name, ""); err == nil {
				s.accept = append(s.accept, c)
			}
		}
		sides[r.Prefix] = s
	}
	return sides
}

// Evolution is how what a route accepts has changed.
type Evolution struct {
	Route    string   // its prefix
	Before   []string // names of the schemas; none: any bytes passed
	Now      []string
	Demand   config.Evolve
	Backward evolve.Answer // whether what was valid is valid
	Forward  evolve.Answer // whether what is valid was valid

	index  int
	judges string // the prefix of the route that decides now; another one than Route, if Route is gone
}

// Compare says how the schemas of each route differ from those of an earlier state, by prefix. A route that is new is
// compared with the one that decided about its channels before, and one that is gone with the one that does so now;
// left out are those for which there is none, and where neither has a schema. With demanded, only routes are compared
// that say by evolve how they may change.
func Compare(before, now *Rules, demanded bool) (list []Evolution) {
	known := make(map[string]Evolution) // by the names of the schemas: many routes have the same
	prefixes := slices.AppendSeq(slices.Collect(maps.Keys(before.sides)), maps.Keys(now.sides))
	slices.Sort(prefixes)
	for _, prefix := range slices.Compact(prefixes) {
		last, was := before.sides[before.table.Lookup([]byte(prefix)).Prefix]
		next, is := now.sides[now.table.Lookup([]byte(prefix)).Prefix]
		if !was || !is || demanded && next.evolve == config.EvolveNone || len(last.names)+len(next.names) == 0 {
			continue
		}
		key := fmt.Sprintf("%q %q", last.names, next.names)
		e, found := known[key]
		if !found {
			e.Backward = evolve.Implies(last.accept, next.accept)
			e.Forward = evolve.Implies(next.accept, last.accept)
			known[key] = e
		}
		e.Route, e.Before, e.Now, e.Demand = prefix, last.names, next.names, next.evolve
		e.index, e.judges = next.index, now.table.Lookup([]byte(prefix)).Prefix
		list = append(list, e)
	}
	return list
}

// Judge returns an error if the route's evolve forbids the change, and warnings where it cannot be told.
func (e *Evolution) Judge() (warnings []string, err error) {
	var errs []error
	for _, way := range e.Demanded() {
		switch way.Answer.Verdict {
		case evolve.Incompatible:
			errs = append(errs, fmt.Errorf("%s, but %s now %s: %s (%s); keep the schema compatible, or write evolve: none",
				e.place(), names(e.Now), way.breaks(e), short(way.Answer.Message), way.Answer.Reason))
		case evolve.Undecided:
			warnings = append(warnings, fmt.Sprintf("%s, but it cannot be told whether %s is %s compatible with %s as it "+
				"was, because of %s", e.place(), names(e.Now), way.Name, names(e.Before), way.Answer.Keyword))
		}
	}
	return warnings, errors.Join(errs...)
}

// place says whose demand it is.
func (e *Evolution) place() string {
	where := fmt.Sprintf("routes[%d].schema: route %q", e.index, e.judges)
	if e.judges != e.Route {
		where += fmt.Sprintf(", which now decides about %q,", e.Route)
	}
	return fmt.Sprintf("%s says evolve: %s", where, e.Demand)
}

// Way is one direction of a comparison.
type Way struct {
	Name   string // backward or forward
	Answer evolve.Answer
}

// Demanded lists the directions in which the route must be compatible.
func (e *Evolution) Demanded() []Way {
	backward, forward := Way{"backward", e.Backward}, Way{"forward", e.Forward}
	switch e.Demand {
	case config.EvolveBackward:
		return []Way{backward}
	case config.EvolveForward:
		return []Way{forward}
	case config.EvolveFull:
		return []Way{backward, forward}
	}
	return nil
}

// breaks words what an incompatible change does.
func (w *Way) breaks(e *Evolution) string {
	who := names(e.Before)
	if slices.Equal(e.Before, e.Now) {
		who = "it" // the same file
	}
	if w.Name == "backward" {
		return "refuses a message that " + who + " accepted"
	}
	return "accepts a message that " + who + " refused"
}

// names words the schemas of a route.
func names(list []string) string {
	if len(list) == 0 {
		return "the route without a schema"
	}
	return strings.Join(list, " or ")
}

// short cuts a message for a line of text.
func short(message []byte) string {
	const most = 300
	if len(message) <= most {
		return string(message)
	}
	return strings.ToValidUTF8(string(message[:most]), "") + "..."
}
