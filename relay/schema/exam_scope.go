// This file follows the references whose targets depend on the way that led to them.

package schema

import "slices"

// scope is what the clauses on the way to a value say about such targets.
type scope struct {
	recursive *clause  // the outermost with a $recursiveAnchor; nil: there is none
	anchors   []anchor // the dynamic anchors, one for each name
}

// anchor is a dynamic anchor in scope. A $dynamicRef leads to the outermost that is not its own first target.
type anchor struct {
	first, second *clause // the outermost, and the one next to it that differs; nil: there is none
}

func (a *anchor) name() string { return a.first.schema.DynamicAnchor }

// enter makes the scope within a clause the current one.
func (e *exam) enter(c *clause) {
	now := &e.scopes[e.scope]
	recursive := now.recursive
	if recursive == nil && c.schema.RecursiveAnchor {
		recursive = c
	}
	if len(c.anchors) == 0 && recursive == now.recursive {
		return
	}
	next := scope{recursive, slices.Clone(now.anchors)}
	for _, anchored := range c.anchors {
		next.add(anchored)
	}
	e.setScope(next)
}

func (s *scope) add(c *clause) {
	for i := range s.anchors {
		if a := &s.anchors[i]; a.name() == c.schema.DynamicAnchor {
			if a.second == nil && a.first != c {
				a.second = c
			}
			return
		}
	}
	s.anchors = append(s.anchors, anchor{first: c})
}

// leave forgets the dynamic anchors, as then and else do.
func (e *exam) leave() {
	e.setScope(scope{recursive: e.scopes[e.scope].recursive})
}

// setScope makes a scope the current one. Equal scopes have the same number, by which outcomes are remembered.
func (e *exam) setScope(next scope) {
	for i := range e.scopes {
		e.spend(1)
		if s := &e.scopes[i]; s.recursive == next.recursive && slices.Equal(s.anchors, next.anchors) {
			e.scope = int32(i)
			return
		}
	}
	e.scope = int32(len(e.scopes))
	e.scopes = append(e.scopes, next)
}

// target returns where a reference leads in the current scope.
func (e *exam) target(r *reference) way {
	switch {
	case r.recursive:
		return way{r.label, e.scopes[e.scope].recursiveOr(r.to)}
	case r.dynamic:
		return way{r.label, e.scopes[e.scope].anchorOr(r.to)}
	default:
		return r.way
	}
}

func (s *scope) recursiveOr(c *clause) *clause {
	if s.recursive != nil {
		return s.recursive
	}
	return c
}

func (s *scope) anchorOr(c *clause) *clause {
	for i := range s.anchors {
		a := &s.anchors[i]
		switch {
		case a.name() != c.schema.DynamicAnchor:
		case a.first != c:
			return a.first
		case a.second != nil:
			return a.second
		}
	}
	return c
}
