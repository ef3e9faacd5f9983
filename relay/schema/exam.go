package schema

// This file examines a document: each of its values is checked against the schemas that apply to it, and of what
// fails the most telling cause is kept.

import "sync"

// examination is one examination of a payload. A clause that several ways lead to is examined once for a value;
// what came of it is remembered. So the work grows with schemas times values, and the budget bounds it.
type examination struct {
	causes
	work budget // what document.budget points to

	memo   memo
	sets   itemSets // see outcome.left
	seen   []uint64 // names of the objects that are open, a bit each, innermost last
	chain  []way    // the ways that lead to the clause being examined
	base   int      // where in chain the innermost value begins
	scopes scopes
}

// outcome is what came of a clause and a value.
type outcome struct {
	failed bool
	left   int32 // where in sets those stand that are left unevaluated, or allEvaluated
	cause  cause // if it failed
}

const allEvaluated = -1 // or nobody asks

var examinations = sync.Pool{New: func() any { return new(examination) }}

// examine checks a payload that the guard accepts. ended says why it has no result; else it is empty.
func (x *examiner) examine(payload []byte, b budget) (refused *Error, ended ending) {
	e := examinations.Get().(*examination)
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
func (e *examination) outcome() (o outcome) {
	e.visit(way{to: e.examiner.root}, e.read(), &o)
	return o
}

func (e *examination) start(x *examiner, payload []byte, b budget) {
	e.examiner, e.work, e.text = x, b, payload
	e.budget = &e.work
	e.trails = append(e.trails, trail{}) // 0 is none
	e.scopes.all = append(e.scopes.all, scope{})
}

// maxPooled bounds what a pooled examination keeps of each kind of memory, in elements.
const maxPooled = 4096

// release forgets the document and gives the examination back.
func (e *examination) release() {
	if cap(e.nodes)+cap(e.memo.table)+cap(e.memo.outcomes)+cap(e.trails)+cap(e.sets.words) > maxPooled ||
		cap(e.scratch)+cap(e.canonical) > 16*maxPooled {
		return
	}
	e.text, e.work, e.examiner = nil, budget{}, nil
	e.nodes, e.scratch, e.trails = e.nodes[:0], e.scratch[:0], e.trails[:0]
	e.seen, e.sets.words = e.seen[:0], e.sets.words[:0]
	e.chain, e.base, e.scopes = e.chain[:0], 0, scopes{all: e.scopes.all[:0]}
	e.memo.clear()
	examinations.Put(e)
}

// visit examines a value against the clause that a way leads to, or recalls what came of that.
func (e *examination) visit(w way, n int32, out *outcome) {
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
	if remembers && e.memo.recall(c.number, n, e.scopes.now, out) {
		return
	}
	scope := e.scopes.now
	if e.examiner.dynamic {
		e.scopes.enter(e.budget, c)
	}
	e.chain = append(e.chain, w)
	e.examine(c, n, k, out)
	e.chain = e.chain[:len(e.chain)-1]
	e.scopes.now = scope
	if remembers {
		e.memo.remember(c.number, n, scope, out)
	}
}

// inCircle begins what an examination ends with that goes on in a circle.
const inCircle = "references of the schema lead in a circle at "

// circle says where references lead back to a clause that is being examined for the same value.
func (e *examination) circle(last way) ending {
	chain := e.chain[e.base:]
	place := chain[0].to.schema.Location
	for _, w := range append(chain[1:], last) {
		place += "/" + e.examiner.labels[w.label]
	}
	return ending(inCircle + readable(place))
}

// inner examines a value within the one being examined.
func (e *examination) inner(w way, n int32, into *outcome) (ok bool) {
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
func (e *examination) note(w way, o, into *outcome, of int32) (ok bool) {
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
func (e *examination) here(w way, n int32, out, into *outcome, of int32) (ok bool) {
	var o outcome
	e.visit(w, n, &o)
	if !o.failed {
		if out.left != allEvaluated { // n may be a name, which has no size
			e.sets.intersect(e.budget, out, &o, e.nodes[n].size)
		}
		return true
	}
	return into != nil && e.note(w, &o, into, of)
}

// fail adds a failure of the clause itself.
func (e *examination) fail(c *clause, n int32, k keyword, at label, a, b int32, out *outcome) {
	found := cause{clause: c.number, node: n, keyword: k, depth: e.nodes[e.place(n)].depth, a: a, b: b}
	if k != keyFalse {
		found.trail = trail{label: at, length: e.lengthOf(at)}
	}
	e.add(out, &found, noAlternatives)
}

// examine asks all that a clause asks of a value of kind k.
func (e *examination) examine(c *clause, n int32, k kind, out *outcome) {
	s := c.schema
	if c.tracked && k >= kindArray {
		out.left = e.sets.full(e.budget, int(e.nodes[n].size))
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
	e.examineValue(c, n, k, out)
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

// examineValue asks what a clause asks of a value by itself, be it of the right type.
func (e *examination) examineValue(c *clause, n int32, k kind, out *outcome) {
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
}

// examineLeft examines the members or items that are left unevaluated.
func (e *examination) examineLeft(w way, n int32, out *outcome) {
	if out.left == allEvaluated {
		return
	}
	i := 0
	for inner := n + 1; inner < e.nodes[n].next; inner = e.nodes[inner].next {
		e.spend(1)
		if e.sets.has(out.left, i) {
			e.inner(w, inner, out)
		}
		i++
	}
	out.left = allEvaluated
}
