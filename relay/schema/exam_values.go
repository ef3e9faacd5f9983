package schema

// This file examines strings, numbers, arrays and objects.

import "unicode/utf8"

func (e *examination) examineNumber(c *clause, n int32, out *outcome) {
	if len(c.limits) == 0 {
		return
	}
	raw := e.raw(n)
	value := scaled(raw, 0)
	for i := range c.limits {
		if l := &c.limits[i]; !l.allows(e.budget, value, raw) {
			e.fail(c, n, l.keyword, label(l.keyword), int32(i), 0, out)
		}
	}
}

func (e *examination) examineString(c *clause, n int32, out *outcome) {
	s := c.schema
	mark := len(e.scratch)
	text := e.string(n)
	if s.MinLength != -1 || s.MaxLength != -1 {
		e.examineLength(c, n, text, out)
	}
	if c.pattern != nil && !e.matches(c.pattern, text) {
		e.fail(c, n, keyPattern, label(keyPattern), 0, 0, out)
	}
	if c.format != nil {
		e.spend(costFormat * len(text))
		if !c.format.Accepts(text) {
			e.fail(c, n, keyFormat, label(keyFormat), 0, 0, out)
		}
	}
	e.scratch = e.scratch[:mark]
}

func (e *examination) examineLength(c *clause, n int32, text []byte, out *outcome) {
	s := c.schema
	test := newSizeTest(0, s.MinLength, s.MaxLength)
	if test.holdsLength(text) {
		return
	}
	e.spend(len(text) / 8)
	if utf8.RuneCount(text) < s.MinLength {
		e.fail(c, n, keyMinLength, label(keyMinLength), 0, 0, out)
	} else {
		e.fail(c, n, keyMaxLength, label(keyMaxLength), 0, 0, out)
	}
}

func (e *examination) examineObject(c *clause, n int32, out *outcome) {
	s, m, size := c.schema, c.members, int(e.nodes[n].size)
	if s.MinProperties != -1 && size < s.MinProperties {
		e.fail(c, n, keyMinProperties, label(keyMinProperties), 0, 0, out)
	}
	if s.MaxProperties != -1 && size > s.MaxProperties {
		e.fail(c, n, keyMaxProperties, label(keyMaxProperties), 0, 0, out)
	}
	seen := len(e.seen)
	for range (len(m.properties) + 63) / 64 {
		e.seen = append(e.seen, 0)
	}
	extra, i := false, 0
	for member := n + 1; member < e.nodes[n].next; member = e.nodes[member].next {
		evaluated := e.examineMember(m, member, seen, out)
		extra = extra || !evaluated
		if evaluated && out.left != allEvaluated {
			e.sets.remove(out.left, i)
		}
		i++
	}
	if m.additional.denied && extra {
		e.fail(c, n, keyAdditionalProperties, label(keyAdditionalProperties), 0, 0, out)
	}
	if m.additional.present {
		out.left = allEvaluated
	}
	e.examineNames(c, n, seen, out)
	e.seen = e.seen[:seen]
}

// examineMember examines a member, and reports whether a keyword other than additionalProperties applies to it.
func (e *examination) examineMember(m *memberClause, member int32, seen int, out *outcome) (evaluated bool) {
	e.spend(costMember)
	mark := len(e.scratch)
	name := e.name(member)
	if i := m.names.find(name); i >= 0 {
		e.seen[seen+i>>6] |= 1 << (i & 63)
		if w := m.properties[i]; w.to != nil {
			evaluated = true
			e.inner(w, member, out)
		}
	}
	if m.naming.to != nil {
		e.inner(m.naming, ^member, out)
	}
	for _, w := range m.patterns {
		if e.matches(w.pattern, name) {
			evaluated = true
			e.inner(w.way, member, out)
		}
	}
	e.scratch = e.scratch[:mark]
	if !evaluated && m.additional.to != nil {
		e.inner(m.additional.way, member, out)
	}
	return evaluated
}

// examineNames examines what depends on the names that an object has.
func (e *examination) examineNames(c *clause, n int32, seen int, out *outcome) {
	has := func(name int) bool { return e.seen[seen+name>>6]>>(name&63)&1 == 1 }
	m := c.members
	for _, name := range m.required {
		if !has(name) {
			e.fail(c, n, keyRequired, label(keyRequired), 0, 0, out)
			break
		}
	}
	for i := range m.requires {
		if r := &m.requires[i]; has(r.given) && !has(r.required) {
			e.fail(c, n, keyRequires, r.label, int32(i), 0, out)
		}
	}
	for _, d := range m.dependent {
		if has(d.given) {
			e.here(d.way, n, out, out, noAlternatives)
		}
	}
}

func (e *examination) examineArray(c *clause, n int32, out *outcome) {
	s, m, size := c.schema, c.items, int(e.nodes[n].size)
	if s.MinItems != -1 && size < s.MinItems {
		e.fail(c, n, keyMinItems, label(keyMinItems), 0, 0, out)
	}
	if s.MaxItems != -1 && size > s.MaxItems {
		e.fail(c, n, keyMaxItems, label(keyMaxItems), 0, 0, out)
	}
	if s.UniqueItems {
		if i, j, found := e.repeatedItem(n); found {
			e.fail(c, n, keyUniqueItems, label(keyUniqueItems), i, j, out)
		}
	}
	if m.additional.denied && size > len(m.first) {
		e.fail(c, n, keyAdditionalItems, label(keyAdditionalItems), 0, 0, out)
	}
	i := 0
	for item := n + 1; item < e.nodes[n].next; item = e.nodes[item].next {
		e.spend(1)
		if w := m.way(i); w.to != nil {
			e.inner(w, item, out)
			if out.left != allEvaluated {
				e.sets.remove(out.left, i)
			}
		}
		i++
	}
	if m.additional.present && !m.additional.denied && m.additional.to == nil {
		out.left = allEvaluated
	}
	if m.contains.to != nil {
		e.examineContains(c, n, out)
	}
}

// way returns the way to the clause of the item at i, to nil without one.
func (m *itemClause) way(i int) way {
	switch {
	case i < len(m.first):
		return m.first[i]
	case m.rest.to != nil:
		return m.rest
	default:
		return m.additional.way
	}
}

func (e *examination) examineContains(c *clause, n int32, out *outcome) {
	s := c.schema
	var failures outcome
	matches, i := 0, 0
	for item := n + 1; item < e.nodes[n].next; item = e.nodes[item].next {
		if e.inner(c.items.contains, item, &failures) {
			matches++
			if s.ContainsEval && out.left != allEvaluated {
				e.sets.remove(out.left, i)
			}
		}
		i++
	}
	switch {
	case s.MinContains != -1 && matches < s.MinContains && failures.failed:
		e.add(out, &failures.cause, noAlternatives)
	case s.MinContains != -1 && matches < s.MinContains:
		e.fail(c, n, keyMinContains, label(keyMinContains), int32(matches), 0, out)
	}
	if s.MaxContains != -1 && matches > s.MaxContains {
		e.fail(c, n, keyMaxContains, label(keyMaxContains), int32(matches), 0, out)
	}
}
