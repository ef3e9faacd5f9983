package schema

// This file makes the skeleton of a payload that was accepted.

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// Limits of the payloads that are learned from. A skeleton takes some 200 bytes for each value.
const (
	maxLearned       = 16 << 10 // bytes of a payload
	maxLearnedValues = 128
)

// learner reads a payload that the scan has accepted, and makes its skeleton.
type learner struct {
	tokenizer

	kindField string
	keyFields []string
	steps     int // that patterns may still take; less than 0: they took too many

	skeleton *skeleton
	from     int // where the piece begins that is being read
}

// learn returns the skeleton of a payload that was accepted, nil if what it holds cannot be predicted: escapes, items
// that must be unique, names that patterns match.
func learn(text []byte, kindField string, k *keyFields, program *edge) *skeleton {
	l := &learner{skeleton: &skeleton{}}
	l.buf, l.kindField, l.steps = text, kindField, scanSteps+len(text)
	if k != nil {
		l.keyFields = k.fields
	}
	if len(text) > maxLearned || len(l.keyFields) > maxKeyRoles {
		return nil
	}
	l.space()
	if !l.read(program, 0) || l.steps < 0 {
		return nil
	}
	l.skeleton.end = newPiece(text[l.from:])
	l.skeleton.hint(text)
	return l.skeleton
}

// read reads a value that is judged on an edge.
func (l *learner) read(e *edge, role role) bool {
	var p *plan
	if e != nil {
		p = e.plan
	}
	switch l.peek() {
	case '{':
		return (p == nil || l.learnable(&p.object)) && l.inside(func() bool { return l.readMember(p) })
	case '[':
		n := 0
		return (p == nil || len(p.array.unique) == 0) && l.inside(func() bool {
			n++
			return l.read(p.item(n-1), 0)
		})
	default:
		return len(l.skeleton.values) < maxLearnedValues && l.readScalar(e, role)
	}
}

// learnable reports whether an object asks nothing of its names but what they are.
func (l *learner) learnable(o *objectPlan) bool { return len(o.patterns) == 0 && o.naming == nil }

// inside reads an array or object, each of whose members or items next reads.
func (l *learner) inside(next func() bool) bool {
	l.enter()
	for l.peek() != '}' && l.peek() != ']' {
		if !next() {
			return false
		}
		l.space()
		if l.peek() == ',' {
			l.pos++
			l.space()
		}
	}
	return l.leave()
}

func (l *learner) readMember(p *plan) bool {
	t, ok := l.str()
	if !ok || t.escaped {
		return false
	}
	name := l.buf[t.start:t.end]
	l.space()
	l.pos++
	l.space()
	var e *edge
	if p != nil {
		e = p.object.rest
		if i := p.object.names.find(name); i >= 0 {
			e = p.object.known[i]
		}
	}
	return l.read(e, l.roleOf(name))
}

// roleOf returns what the value of a member is. Only that of the outermost object may be the kind or a key.
func (l *learner) roleOf(name []byte) (r role) {
	if l.depth != 1 {
		return 0
	}
	if l.kindField != "" && string(name) == l.kindField {
		r |= isKind
	}
	for i, field := range l.keyFields {
		if field == string(name) {
			r |= firstKey << i
		}
	}
	return r
}

// readScalar reads a string, number or literal.
func (l *learner) readScalar(e *edge, role role) bool {
	start, v := l.pos, skeletonValue{edge: e, role: role}
	switch c := l.peek(); {
	case c == '"':
		t, ok := l.str()
		if !ok || t.escaped {
			return false
		}
		v.before, l.from = newPiece(l.buf[l.from:t.start]), t.end
		v.like[kindString] = true
		l.testString(&v, l.buf[t.start:t.end])
	case c == '-' || ascii.IsDigit(c):
		n, k, end := plainNumber(l.buf, start)
		if end < 0 {
			return false
		}
		v.before, l.from, l.pos = newPiece(l.buf[l.from:start]), end, end
		v.alike(k, numberKinds...)
		if e != nil {
			e.plan.testNumber(n, l.buf[start:end], &v.failed)
		}
	default:
		words := map[byte]string{'t': "true", 'f': "false", 'n': "null"}
		l.literal(words[c])
		v.before, l.from = newPiece(l.buf[l.from:start]), l.pos
		v.alike(map[byte]kind{'t': kindTrue, 'f': kindFalse, 'n': kindNull}[c], kindTrue, kindFalse, kindNull)
	}
	l.skeleton.values = append(l.skeleton.values, v)
	return true
}

// testString notes which tests a string fails, and which strings need no test.
func (l *learner) testString(v *skeletonValue, text []byte) {
	v.most = math.MaxInt
	if v.edge == nil {
		return
	}
	p := v.edge.plan
	p.testString(text, &v.failed, &l.steps)
	for i := range p.lengths {
		t := &p.lengths[i]
		v.least, v.most = max(v.least, utf8.UTFMax*(t.least-1)+1), min(v.most, t.most)
	}
	if len(p.words)+len(p.patterns)+len(p.formats) > 0 || !v.failed.empty() {
		v.least, v.most = 1, 0
	}
	if len(p.words) > 0 && len(p.patterns) == 0 {
		v.word = string(text)
	}
}

// alike notes which of some kinds mean the same as k.
func (v *skeletonValue) alike(k kind, others ...kind) {
	for _, other := range others {
		v.like[other] = v.edge == nil || v.edge.plan.initial[other] == v.edge.plan.initial[k]
	}
}

// hint notes with what the kind begins, if it is the first value.
func (sk *skeleton) hint(text []byte) {
	if len(sk.values) == 0 {
		return
	}
	first := &sk.values[0]
	at := first.before.size
	if first.role&isKind == 0 || !first.like[kindString] || len(text) < at+8 {
		return
	}
	sk.suitsAt, sk.suitsWith = at, binary.LittleEndian.Uint64(text[at:])
}
