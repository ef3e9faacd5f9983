package schema

// The tokenizer: a position in JSON text, what stands there, and the fault that ended the reading.

// tokenizer reads the tokens of one JSON text. Its methods leave pos behind what they accept. They return false after
// recording a fault, and then the reading is over.
type tokenizer struct {
	buf   []byte // fixed while the text is read
	pos   int
	depth int // arrays and objects open
	fault fault
}

// enter passes an opening bracket and the space after it.
func (s *tokenizer) enter() bool {
	if s.depth == MaxDepth {
		return s.fail(tooDeep, s.pos, s.pos+1)
	}
	s.depth++
	s.pos++
	s.space()
	return true
}

// leave passes a closing bracket.
func (s *tokenizer) leave() bool {
	s.depth--
	s.pos++
	return true
}

// peek returns the next byte, 0 at the end of the text. A 0 in the text is nowhere allowed either.
func (s *tokenizer) peek() byte {
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
	}
	return 0
}

// space passes white space.
func (s *tokenizer) space() {
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
func (s *tokenizer) unexpected(want string) bool {
	return s.malformed(s.pos, want)
}

// malformed refuses the text at an offset, where want should stand.
func (s *tokenizer) malformed(at int, want string) bool {
	s.fault = fault{why: malformed, at: at, end: at, want: want}
	return false
}

// fail refuses the bytes from at to end.
func (s *tokenizer) fail(why refusal, at, end int) bool {
	s.fault = fault{why: why, at: at, end: end}
	return false
}
