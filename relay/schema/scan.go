// This file is the guard's scan: a recursive descent over JSON text, depth bounded, no allocation.

package schema

import "sync"

// scanner reads one JSON text. Every value of the text passes through value, every key through member,
// each exactly once and in order, so that whoever follows the scan needs no second one.
//
// Its methods leave pos behind what they accept. They return false after recording a fault, and then
// the scan is over.
type scanner struct {
	// Fixed during a scan.
	buf       []byte
	kindField string

	// Moved by the scan.
	pos   int
	depth int // arrays and objects open
	kind  token
	fault fault

	// Kept from scan to scan for their memory.
	keys  []key   // keys of the objects that are open, innermost last
	text  []byte  // decoded text of those keys that were written with escapes
	table []int32 // of uniqueHashed
}

// maxPooledKeys bounds the memory that a pooled scanner keeps.
const maxPooledKeys = 4096

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// guard scans text and returns the value of its top-level string field kindField, nil without one. The
// kind aliases text unless the value was written with escapes. The fault says why text is refused.
func guard(text []byte, kindField string) (kind []byte, refused fault) {
	s := scanners.Get().(*scanner)
	s.buf, s.kindField = text, kindField
	if s.document() {
		kind = s.kindValue()
	}
	refused = s.fault
	s.release()
	return kind, refused
}

// release forgets the text and gives the scanner back.
func (s *scanner) release() {
	if cap(s.keys) > maxPooledKeys || cap(s.text) > 16*maxPooledKeys {
		return
	}
	*s = scanner{keys: s.keys[:0], text: s.text[:0], table: s.table}
	scanners.Put(s)
}

// document reads the one value of the text, with white space around it.
func (s *scanner) document() bool {
	s.space()
	if !s.value(0) {
		return false
	}
	s.space()
	return s.pos == len(s.buf) || s.unexpected("nothing after the value")
}

// value reads one value; path is the length of the keys that lead to it.
func (s *scanner) value(path int) bool {
	switch c := s.peek(); c {
	case '"':
		_, ok := s.str()
		return ok
	case '{':
		return s.object(path)
	case '[':
		return s.array(path)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c == '-' || isDigit(c) {
			return s.number()
		}
		return s.unexpected("a value")
	}
}

// object reads an object, from its { on.
func (s *scanner) object(path int) bool {
	if !s.enter() {
		return false
	}
	if s.peek() == '}' {
		return s.leave()
	}
	keys, text := len(s.keys), len(s.text)
	for {
		if !s.member(path) {
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
			return s.leave()
		default:
			return s.unexpected("',' or '}'")
		}
	}
}

// member reads one key and its value.
func (s *scanner) member(path int) bool {
	if s.peek() != '"' {
		return s.unexpected("a key in double quotes")
	}
	name, ok := s.str()
	if !ok {
		return false
	}
	text := s.pushKey(name)
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
	if s.depth == 1 && s.kindField != "" && string(text) == s.kindField {
		return s.kindMember(path)
	}
	return s.value(path)
}

// kindMember reads the value of the kind field, and notes it if it is a string.
func (s *scanner) kindMember(path int) bool {
	if s.peek() != '"' {
		return s.value(path)
	}
	var ok bool
	s.kind, ok = s.str()
	return ok
}

// kindValue returns the value of the kind field, nil if there was none.
func (s *scanner) kindValue() []byte {
	if s.kind.end == 0 {
		return nil
	}
	raw := s.buf[s.kind.start:s.kind.end:s.kind.end]
	if s.kind.escaped {
		return appendUnescaped([]byte{}, raw)
	}
	return raw
}

// array reads an array, from its [ on.
func (s *scanner) array(path int) bool {
	const indexLen = 8
	if path += indexLen; path > MaxPath {
		return s.fail(longPath, s.pos, s.pos+1)
	}
	if !s.enter() {
		return false
	}
	if s.peek() == ']' {
		return s.leave()
	}
	for {
		if !s.value(path) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			return s.leave()
		default:
			return s.unexpected("',' or ']'")
		}
	}
}

// enter passes an opening bracket and the space after it.
func (s *scanner) enter() bool {
	if s.depth == MaxDepth {
		return s.fail(tooDeep, s.pos, s.pos+1)
	}
	s.depth++
	s.pos++
	s.space()
	return true
}

// leave passes a closing bracket.
func (s *scanner) leave() bool {
	s.depth--
	s.pos++
	return true
}

// peek returns the next byte, 0 at the end of the text. A 0 in the text is nowhere allowed either.
func (s *scanner) peek() byte {
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
	}
	return 0
}

// space passes white space.
func (s *scanner) space() {
	for s.pos < len(s.buf) && s.buf[s.pos] <= ' ' {
		switch s.buf[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// unexpected refuses the text at pos, where want should stand.
func (s *scanner) unexpected(want string) bool {
	return s.malformed(s.pos, want)
}

// malformed refuses the text at an offset, where want should stand.
func (s *scanner) malformed(at int, want string) bool {
	s.fault = fault{why: malformed, at: at, end: at, want: want}
	return false
}

// fail refuses the bytes from at to end.
func (s *scanner) fail(why refusal, at, end int) bool {
	s.fault = fault{why: why, at: at, end: end}
	return false
}
