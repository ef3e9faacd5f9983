// This file examines a document: each of its values is checked against the schemas that apply to it, and of what fails
// the most telling cause is kept.

package schema

import "sync"

// exam is one examination. A clause that several ways lead to is examined once for a value; what came of it is
// remembered. So the work grows with schemas times values, and the budget bounds it.
type exam struct {
	document
	work     budget // what document.budget points to
	examiner *examiner

	memo   memo
	trails []trail
	sets   []uint64 // members or items, a bit each; see outcome.left
	seen   []uint64 // names of the objects that are open, a bit each, innermost last
	chain  []way    // the ways that lead to the clause being examined
	base   int      // where in chain the innermost value begins
	scopes []scope
	scope  int32 // the one that the ways have led to
}

// outcome is what came of a clause and a value.
type outcome struct {
	failed bool
	left   int32 // where in sets those stand that are left unevaluated, or allEvaluated
	cause  cause // if it failed
}

const allEvaluated = -1 // or nobody asks

var exams = sync.Pool{New: func() any { return new(exam) }}

// examine checks a payload that the guard accepts. ended says why it has no result; else it is empty.
func (x *examiner) examine(payload []byte, b budget) (refused *Error, ended ending) {
	e := exams.Get().(*exam)
	defer func() {
		switch p := recover().(type) {
		case nil:
		case ending:
			refused, ended = nil, p
		default:
			panic(p)
		}
		e.release()
	}()
	e.start(x, payload, b)
	if o := e.outcome(); o.failed {
		refused = e.refusal(&o.cause)
	}
	return refused, ""
}

// outcome is what came of the schema and the payload.
func (e *exam) outcome() (o outcome) {
	e.visit(way{to: e.examiner.root}, e.read(), &o)
	return o
}

func (e *exam) start(x *examiner, payload []byte, b budget) {
	e.examiner, e.work, e.text = x, b, payload
	e.budget = &e.work
	e.trails = append(e.trails, trail{}) // 0 is none
	e.scopes = append(e.scopes, scope{})
}

// maxPooled bounds what a pooled exam keeps of each kind of memory, in elements.
const maxPooled = 4096

// release forgets the document and gives the exam back.
func (e *exam) release() {
	if cap(e.nodes)+cap(e.memo.table)+cap(e.memo.outcomes)+cap(e.trails)+cap(e.sets) > maxPooled ||
		cap(e.scratch)+cap(e.canonical) > 16*maxPooled {
		return
	}
	e.text, e.work, e.examiner = nil, budget{}, nil
	e.nodes, e.scratch, e.trails, e.sets, e.seen = e.nodes[:0], e.scratch[:0], e.trails[:0], e.sets[:0], e.seen[:0]
	e.chain, e.scopes, e.base, e.scope = e.chain[:0], e.scopes[:0], 0, 0
	e.memo.clear()
	exams.Put(e)
}

// visit examines a value against the clause that a way leads to, or recalls what came of that.
func (e *exam) visit(w way, n int32, out *outcome) {
	e.spend(costVisit)
	c := w.to
	out.left = allEvaluated
	for i := len(e.chain) - 1; i >= e.base; i-- {
		if e.chain[i].to == c {
			panic(e.circle(w))
		}
	}
	k := e.kind(n)
	remembers := c.shared && (c.inPlace || k >= kindArray)
	if remembers && e.memo.recall(c.number, n, e.scope, out) {
		return
	}
	scope := e.scope
	if e.examiner.dynamic {
		e.enter(c)
	}
	e.chain = append(e.chain, w)
	e.examine(c, n, k, out)
	e.chain = e.chain[:len(e.chain)-1]
	e.scope = scope
	if remembers {
		e.memo.remember(c.number, n, scope, out)
	}
}

// inCircle begins what an examination ends with that goes on in a circle.
const inCircle = "references of the schema lead in a circle at "

// circle says where references lead back to a clause that is being examined for the same value.
func (e *exam) circle(last way) ending {
	chain := e.chain[e.base:]
	place := chain[0].to.schema.Location
	for _, w := range append(chain[1:], last) {
		place += "/" + e.examiner.labels[w.label]
	}
	return ending(inCircle + readable(place))
}

// inner examines a value within the one being examined.
func (e *exam) inner(w way, n int32, into *outcome) (ok bool) {
	if w.to.plain && w.to.kinds[e.kind(n)] {
		e.spend(1)
		return true
	}
	base := e.base
	e.base = len(e.chain)
	var o outcome
	e.visit(w, n, &o)
	e.base = base
	return e.note(w, &o, into, noAlternatives)
}

// note adds the failure that a way has led to.
func (e *exam) note(w way, o, into *outcome, of int32) (ok bool) {
	if o.failed && (!into.failed || o.cause.depth >= into.cause.depth) { // else it tells less
		mark := len(e.trails)
		if !e.add(into, e.under(w.label, &o.cause), of) {
			e.trails = e.trails[:mark]
		}
	}
	return !o.failed
}

// here examines the same value against another clause. Of what it leaves unevaluated if it succeeds, out leaves no
// more. Its failure is added to into, as that of an alternative for the value of, or not at all if into is nil.
func (e *exam) here(w way, n int32, out, into *outcome, of int32) (ok bool) {
	var o outcome
	e.visit(w, n, &o)
	if !o.failed {
		e.intersect(out, &o, n)
		return true
	}
	return into != nil && e.note(w, &o, into, of)
}

// fail adds a failure of the clause itself.
func (e *exam) fail(c *clause, n int32, k keyword, at label, a, b int32, out *outcome) {
	found := cause{clause: c.number, node: n, keyword: k, depth: e.nodes[e.place(n)].depth, a: a, b: b}
	if k != keyFalse {
		found.trail = trail{label: at, length: e.lengthOf(at)}
	}
	e.add(out, &found, noAlternatives)
}

// examine asks all that a clause asks of a value of kind k.
func (e *exam) examine(c *clause, n int32, k kind, out *outcome) {
	s := c.schema
	if c.tracked && k >= kindArray {
		out.left = e.fullSet(int(e.nodes[n].size))
	}
	if s.Always != nil {
		if !*s.Always {
			e.fail(c, n, keyFalse, 0, 0, 0, out)
		}
		return
	}
	if !c.kinds[k] {
		e.fail(c, n, keyType, label(keyType), 0, 0, out)
		return
	}
	for i := range c.constants {
		if listed := &c.constants[i]; !listed.has(&e.document, n) {
			e.fail(c, n, listed.keyword, label(listed.keyword), int32(i), 0, out)
		}
	}
	switch k {
	case kindString:
		e.examineString(c, n, out)
	case kindInteger, kindWhole, kindFraction:
		e.examineNumber(c, n, out)
	case kindObject:
		if c.members != nil {
			e.examineObject(c, n, out)
		}
	case kindArray:
		if c.items != nil {
			e.examineArray(c, n, out)
		}
	}
	if c.inPlace {
		e.examineBranches(c, n, out)
	}
	if k == kindObject && c.unevaluatedMembers.to != nil {
		e.examineLeft(c.unevaluatedMembers, n, out)
	}
	if k == kindArray && c.unevaluatedItems.to != nil {
		e.examineLeft(c.unevaluatedItems, n, out)
	}
}

// examineLeft examines the members or items that are left unevaluated.
func (e *exam) examineLeft(w way, n int32, out *outcome) {
	if out.left == allEvaluated {
		return
	}
	i := 0
	for inner := n + 1; inner < e.nodes[n].next; inner = e.nodes[inner].next {
		e.spend(1)
		if e.sets[out.left+int32(i>>6)]>>(i&63)&1 == 1 {
			e.inner(w, inner, out)
		}
		i++
	}
	out.left = allEvaluated
}
