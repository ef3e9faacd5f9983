package schema

// This file ties the scan to a plan: it hands each value that the scan has read to the plan that awaits
// it. Without a plan (a nil edge) nothing happens.

// verdict is what the checker says of a payload.
type verdict uint8

const (
	undecided verdict = iota // only an examination can say
	accepted
	rejected
)

// verdict returns what the checker says, once the text is read.
func (s *scanner) verdict(program *edge, top *frame) verdict {
	switch {
	case program == nil || s.undecided || s.steps < 0:
		return undecided
	case top.failed.has(0):
		return rejected
	default:
		return accepted
	}
}

// open starts the plan of an array or object.
func (s *scanner) open(e *edge, k kind, f *frame) *plan {
	if e == nil {
		return nil
	}
	f.failed = e.plan.initial[k]
	s.undecided = s.undecided || e.plan.ask[k]
	return e.plan
}

// counters returns counters at 0, which judgeArray gives back.
func (s *scanner) counters(n int) []int32 {
	s.counts = append(s.counts, make([]int32, n)...)
	return s.counts[len(s.counts)-n:]
}

// judgeLiteral judges null, false or true.
func (s *scanner) judgeLiteral(e *edge, into *frame, k kind) bool {
	if e != nil && !e.quiet[k] {
		e.report(&e.plan.final[k], into)
	}
	return true
}

// judgeString judges the string t.
func (s *scanner) judgeString(e *edge, into *frame, t token) bool {
	if e != nil {
		mark := len(s.text)
		s.judgeText(e, s.resolve(t), into)
		s.text = s.text[:mark]
	}
	return true
}

// judgeText judges a string, its escapes resolved.
func (s *scanner) judgeText(e *edge, text []byte, into *frame) {
	if s.steps < 0 {
		return
	}
	var failed set
	e.plan.testString(text, &failed, &s.steps)
	e.conclude(kindString, &failed, into)
}

// judgeNumber judges the number that begins at start and ends at pos.
func (s *scanner) judgeNumber(e *edge, into *frame, start int) bool {
	if e == nil {
		return true
	}
	p, raw := e.plan, s.buf[start:s.pos]
	n := scaled(raw, 0)
	k := n.kind(raw)
	var failed set
	if p.ask[k] || !p.testNumber(n, raw, &failed) {
		s.undecided = true
	}
	e.conclude(k, &failed, into)
	return true
}

// judgeObject judges an object whose members have been read.
func (s *scanner) judgeObject(e *edge, f, into *frame) bool {
	if e != nil {
		e.plan.testMembers(f)
		e.plan.apply(&f.failed, &f.seen)
		e.report(&f.failed, into)
	}
	return true
}

// property notes the key name, before its value, of the object that f is the state of, and returns where
// the value goes. It refuses a name of the plan that comes twice; other names are compared at the end of
// the object.
func (s *scanner) property(p *plan, f *frame, name token) (*edge, bool) {
	text := s.resolve(name)
	if s.depth == 1 && s.kindField != "" && string(text) == s.kindField && s.peek() == '"' {
		s.kindAt = s.pos
	}
	if s.depth == 1 && len(s.keyFields) > 0 {
		s.noteKeys(text)
	}
	f.members++
	if p == nil {
		s.pushKey(name, text)
		return nil, true
	}
	o := &p.object
	if o.naming != nil {
		s.judgeText(o.naming, text, f)
	}
	i := o.names.find(text)
	if uint(i) < maxSet {
		if f.seen.has(i) {
			return nil, s.duplicate(name)
		}
		f.seen.add(i)
		return o.known[i], true
	}
	s.pushKey(name, text)
	switch {
	case i >= 0: // no set holds it
		return o.known[i], true
	case len(o.patterns) > 0:
		return s.other(o, text), true
	}
	return o.rest, true
}

// other returns where a property goes that no schema names and patterns may match. Sets of patterns that hardly any
// name matches are an examination's business.
func (s *scanner) other(o *objectPlan, name []byte) *edge {
	m := o.matching(name, &s.steps)
	if m == 0 {
		return o.rest
	}
	for i := range o.others {
		if o.others[i].matching == m {
			return o.others[i].edge
		}
	}
	s.undecided = true
	return nil
}

// itemRead notes an item, from start to pos, of the array that f is the state of.
func (s *scanner) itemRead(p *plan, f *frame, start int) {
	f.members++
	if p == nil || len(p.array.unique) == 0 {
		return
	}
	switch s.buf[start] {
	case '{', '[':
		f.nested++
	case '"':
		t := s.stringAt(start)
		text := s.resolve(t)
		s.pushKey(t, text)
	default:
		s.pushScalar(start)
	}
}

// judgeArray judges an array whose items have been read; items are those that must be unique.
func (s *scanner) judgeArray(e *edge, f, into *frame, items []key) {
	if e == nil {
		return
	}
	p := e.plan
	p.testItems(f)
	s.counts = s.counts[:len(s.counts)-len(f.counts)]
	if len(p.array.unique) > 0 {
		s.testUnique(p, f, items)
	}
	p.apply(&f.failed, &f.seen)
	e.report(&f.failed, into)
}

// testUnique compares items. Two arrays or objects are left to an examination.
func (s *scanner) testUnique(p *plan, f *frame, items []key) {
	if f.nested > 1 {
		s.undecided = true
	}
	if s.repeated(items) == nil {
		return
	}
	for _, goal := range p.array.unique {
		f.failed.add(goal)
	}
}
