package schema

// This file examines a value by the schemas that a keyword applies to the same value.

func (e *examination) examineBranches(c *clause, n int32, out *outcome) {
	for i := range c.refs {
		e.here(e.scopes.target(&c.refs[i]), n, out, out, noAlternatives)
	}
	if c.not.to != nil && e.here(c.not, n, out, nil, noAlternatives) {
		e.fail(c, n, keyNot, label(keyNot), 0, 0, out)
	}
	for _, w := range c.allOf {
		e.here(w, n, out, out, noAlternatives)
	}
	if len(c.anyOf) > 0 {
		e.examineAnyOf(c, n, out)
	}
	if len(c.oneOf) > 0 {
		e.examineOneOf(c, n, out)
	}
	if c.test.to != nil {
		e.examineIf(c, n, out)
	}
}

func (e *examination) examineAnyOf(c *clause, n int32, out *outcome) {
	var failures outcome
	matches := false
	for _, w := range c.anyOf {
		if e.here(w, n, out, &failures, n) {
			matches = true
		}
	}
	if !matches {
		e.add(out, &failures.cause, noAlternatives)
	}
}

func (e *examination) examineOneOf(c *clause, n int32, out *outcome) {
	var failures outcome
	match := -1
	for i, w := range c.oneOf {
		switch {
		case !e.here(w, n, out, &failures, n):
		case match >= 0:
			e.fail(c, n, keyOneOf, label(keyOneOf), int32(match), int32(i), out)
			return
		default:
			match = i
		}
	}
	if match < 0 {
		e.add(out, &failures.cause, noAlternatives)
	}
}

func (e *examination) examineIf(c *clause, n int32, out *outcome) {
	branch := c.then
	if !e.here(c.test, n, out, nil, noAlternatives) {
		branch = c.otherwise
	}
	if branch.to == nil {
		return
	}
	scope := e.scopes.now
	if e.examiner.dynamic {
		e.scopes.leave(e.budget)
	}
	e.here(branch, n, out, out, noAlternatives)
	e.scopes.now = scope
}
