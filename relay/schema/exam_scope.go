package schema

// This file follows the references whose targets depend on the way that led to them.

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

// scopes holds the scopes of one examination.
type scopes struct {
	all []scope
	now int32 // the one that the ways have led to
}

// enter makes the scope within a clause the current one.
func (s *scopes) enter(b *budget, c *clause) {
	now := &s.all[s.now]
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
	s.set(b, next)
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
func (s *scopes) leave(b *budget) {
	s.set(b, scope{recursive: s.all[s.now].recursive})
}

// set makes a scope the current one. Equal scopes have the same number, by which outcomes are remembered.
func (s *scopes) set(b *budget, next scope) {
	for i := range s.all {
		b.spend(1)
		if known := &s.all[i]; known.recursive == next.recursive && slices.Equal(known.anchors, next.anchors) {
			s.now = int32(i)
			return
		}
	}
	s.now = int32(len(s.all))
	s.all = append(s.all, next)
}

// target returns where a reference leads in the current scope.
func (s *scopes) target(r *reference) way {
	switch {
	case r.recursive:
		return way{r.label, s.all[s.now].recursiveOr(r.to)}
	case r.dynamic:
		return way{r.label, s.all[s.now].anchorOr(r.to)}
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
