package schema

// This file finds the key of a message: the value of the field that its kind names.

import "slices"

// keyFields says which field holds the key of a message. It never changes.
type keyFields struct {
	fields []string
	other  int            // the field, by its place in fields, for kinds that are not listed; -1: none
	byKind map[string]int // the same by kind
}

// newKeyFields returns nil if no kind has a key.
func newKeyFields(other string, byKind map[string]string) *keyFields {
	k := &keyFields{byKind: make(map[string]int, len(byKind))}
	k.other = k.place(other)
	for kind, field := range byKind {
		k.byKind[kind] = k.place(field)
	}
	if len(k.fields) == 0 {
		return nil
	}
	return k
}

// place returns the place of a field, -1 for none.
func (k *keyFields) place(field string) int {
	if field == "" {
		return -1
	}
	if i := slices.Index(k.fields, field); i >= 0 {
		return i
	}
	k.fields = append(k.fields, field)
	return len(k.fields) - 1
}

// of returns the place of the field for a kind, -1 for none.
func (k *keyFields) of(kind []byte) int {
	if i, ok := k.byKind[string(kind)]; ok && kind != nil {
		return i
	}
	return k.other
}

// noteKeys notes that the value of the top-level member name comes next.
func (s *scanner) noteKeys(name []byte) {
	for i, field := range s.keyFields {
		if field == string(name) {
			s.keyAt[i] = s.pos
		}
	}
}

// keyValue returns the text of a string, number or literal of the key field at a place, as it is written;
// nil if it is anything else, or nothing. It comes after the scan.
func (s *scanner) keyValue(place int) []byte {
	if place < 0 || s.keyAt[place] == 0 {
		return nil
	}
	s.pos = s.keyAt[place]
	start := s.pos
	switch s.peek() {
	case '{', '[':
		return nil
	case '"':
		s.str()
	default:
		for c := s.peek(); c > ' ' && c != ',' && c != '}'; c = s.peek() {
			s.pos++
		}
	}
	return s.buf[start:s.pos:s.pos]
}
