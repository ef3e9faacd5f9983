package schema

// This file is the guard's scan: a recursive descent over JSON text, depth bounded, no allocation.

import (
	"sync"

	"redis-relay/relay/schema/ascii"
)

// scanner reads one JSON text. Every value of the text passes through value, every key through member,
// each exactly once and in order; each is handed to the plan that awaits it, if there is one.
//
// Its methods leave pos behind what they accept. They return false after recording a fault, and then
// the scan is over.
type scanner struct {
	keyTable

	// Fixed during a scan.
	kindField string
	keyFields []string

	// Moved by the scan.
	kindAt int   // where the string of the kind field begins; 0: nowhere
	kind   token // that string
	keyAt  []int // where the value of each key field begins; 0: nowhere

	undecided bool // only an examination can judge a value read so far
	steps     int  // that patterns may still take; less than 0: they took too many, so only an examination can judge

	counts []int32 // of contains, in the frames of open arrays; kept from scan to scan for its memory
}

// maxPooledKeys bounds the memory that a pooled scanner keeps.
const maxPooledKeys = 4096

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// guard scans text and returns the value of its top-level string field kindField, nil without one. The
// kind aliases text unless the value was written with escapes. The fault says why text is refused.
func guard(text []byte, kindField string) (kind []byte, refused fault) {
	kind, _, refused = scan(text, kindField, nil)
	return kind, refused
}

// scan is guard that also checks the text, in the same pass, against what a schema has compiled to. The
// verdict means nothing if text is refused, and is undecided with a nil program.
func scan(text []byte, kindField string, program *edge) (kind []byte, v verdict, refused fault) {
	kind, _, v, refused = scanKeyed(text, kindField, nil, program)
	return kind, v, refused
}

// scanKeyed is scan that also finds the key; nil for none.
func scanKeyed(
	text []byte, kindField string, k *keyFields, program *edge,
) (kind, key []byte, v verdict, refused fault) {
	s := scanners.Get().(*scanner)
	s.buf, s.kindField, s.steps = text, kindField, scanSteps+len(text)
	if k != nil {
		s.keyFields = k.fields
		s.keyAt = append(s.keyAt[:0], make([]int, len(k.fields))...)
	}
	var top frame
	if s.document(program, &top) {
		kind, v = s.kindValue(), s.verdict(program, &top)
		if k != nil {
			key = s.keyValue(k.of(kind))
		}
	}
	refused = s.fault
	s.release()
	return kind, key, v, refused
}

// release forgets the text and gives the scanner back.
func (s *scanner) release() {
	if cap(s.keys) > maxPooledKeys || cap(s.text) > 16*maxPooledKeys {
		return
	}
	s.buf, s.kindField, s.keyFields = nil, "", nil
	s.pos, s.depth, s.kindAt, s.fault, s.undecided = 0, 0, 0, fault{}, false
	s.keys, s.text, s.keyAt, s.counts = s.keys[:0], s.text[:0], s.keyAt[:0], s.counts[:0]
	scanners.Put(s)
}

// document reads the one value of the text, with white space around it.
func (s *scanner) document(program *edge, top *frame) bool {
	s.space()
	if !s.value(0, program, top) {
		return false
	}
	s.space()
	return s.pos == len(s.buf) || s.unexpected("nothing after the value")
}

// value reads one value and has e judge it; path is the length of the keys that lead to it.
func (s *scanner) value(path int, e *edge, into *frame) bool {
	switch c := s.peek(); c {
	case '"':
		at := s.pos
		t, ok := s.str()
		if at == s.kindAt {
			s.kind = t
		}
		return ok && s.judgeString(e, into, t)
	case '{':
		return s.object(path, e, into)
	case '[':
		return s.array(path, e, into)
	case 't':
		return s.literal("true") && s.judgeLiteral(e, into, kindTrue)
	case 'f':
		return s.literal("false") && s.judgeLiteral(e, into, kindFalse)
	case 'n':
		return s.literal("null") && s.judgeLiteral(e, into, kindNull)
	default:
		start := s.pos
		if c == '-' || ascii.IsDigit(c) {
			return s.number() && s.judgeNumber(e, into, start)
		}
		return s.unexpected("a value")
	}
}

// object reads an object, from its { on.
func (s *scanner) object(path int, e *edge, into *frame) bool {
	if !s.enter() {
		return false
	}
	var f frame
	p := s.open(e, kindObject, &f)
	if s.peek() != '}' && !s.members(path, p, &f) {
		return false
	}
	return s.leave() && s.judgeObject(e, &f, into)
}

// members reads the members of an object, at least one.
func (s *scanner) members(path int, p *plan, f *frame) bool {
	keys, text := len(s.keys), len(s.text)
	for {
		if !s.member(path, p, f) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			if !s.unique(s.keys[keys:]) {
				return false
			}
			s.keys, s.text = s.keys[:keys], s.text[:text]
			return true
		default:
			return s.unexpected("',' or '}'")
		}
	}
}

// member reads one key and its value.
func (s *scanner) member(path int, p *plan, f *frame) bool {
	if s.peek() != '"' {
		return s.unexpected("a key in double quotes")
	}
	name, ok := s.str()
	if !ok {
		return false
	}
	s.space()
	if s.peek() != ':' {
		return s.unexpected("':'")
	}
	s.pos++
	s.space()
	path += 1 + name.end - name.start
	if path > MaxPath {
		return s.fail(longPath, name.start-1, name.end+1)
	}
	e, ok := s.property(p, f, name)
	return ok && s.value(path, e, f)
}

// kindValue returns the value of the kind field, nil if there was none. It comes after the scan.
func (s *scanner) kindValue() []byte {
	if s.kindAt == 0 {
		return nil
	}
	raw := s.buf[s.kind.start:s.kind.end:s.kind.end]
	if s.kind.escaped {
		return appendUnescaped([]byte{}, raw)
	}
	return raw
}

// array reads an array, from its [ on.
func (s *scanner) array(path int, e *edge, into *frame) bool {
	const indexLen = 8
	if path += indexLen; path > MaxPath {
		return s.fail(longPath, s.pos, s.pos+1)
	}
	if !s.enter() {
		return false
	}
	var f frame
	p := s.open(e, kindArray, &f)
	if p != nil && len(p.array.contains) > 0 {
		f.counts = s.counters(len(p.array.contains))
	}
	keys, text := len(s.keys), len(s.text)
	if s.peek() != ']' && !s.items(path, p, &f) {
		return false
	}
	s.judgeArray(e, &f, into, s.keys[keys:])
	s.keys, s.text = s.keys[:keys], s.text[:text]
	return s.leave()
}

// items reads the items of an array, at least one.
func (s *scanner) items(path int, p *plan, f *frame) bool {
	for {
		start := s.pos
		if !s.value(path, p.item(f.members), f) {
			return false
		}
		s.itemRead(p, f, start)
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			return true
		default:
			return s.unexpected("',' or ']'")
		}
	}
}
