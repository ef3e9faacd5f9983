package resp

// This file reads values that lie whole in memory.

import "fmt"

// ParseValue reads the value that b begins with, and returns how many bytes it has. b must hold all of it, as after
// ScanServer has said IsControl. The strings of the value alias b.
func ParseValue(b []byte) (v Value, n int, err error) { return parseValue(b, 0) }

func parseValue(b []byte, depth int) (v Value, n int, err error) {
	end := lineEnd(b, 0)
	if end > len(b) || len(b) < 3 || depth > maxReplyDepth {
		return v, 0, fmt.Errorf("%w: %.20q", ErrValue, b)
	}
	v.Type = b[0]
	line := b[1 : end-2]
	switch v.Type {
	case '+', '-', '#', ',', '(':
		v.Str = line
		return v, end, nil
	case '_':
		v.Null = true
		return v, end, nil
	case ':':
		v.Int, err = readNumber(line)
		return v, end, err
	}
	length, null, err := readLength(line)
	if err != nil || null {
		v.Null = null
		return v, end, err
	}
	switch v.Type {
	case '$', '!', '=':
		return parseString(v, b, end, length)
	case '*', '~', '>', '%', '|':
		return parseElems(v, b, end, length, depth)
	}
	return v, 0, fmt.Errorf("%w: type byte %q", ErrValue, v.Type)
}

func parseString(v Value, b []byte, at, length int) (Value, int, error) {
	if at+length+2 > len(b) {
		return v, 0, fmt.Errorf("%w: string of %d bytes has no end", ErrValue, length)
	}
	v.Str = b[at : at+length]
	if v.Type == '=' {
		if length < 4 {
			return v, 0, fmt.Errorf("%w: verbatim string without a format", ErrValue)
		}
		v.Str = v.Str[4:]
	}
	return v, at + length + 2, nil
}

func parseElems(v Value, b []byte, at, length, depth int) (Value, int, error) {
	if v.Type == '%' || v.Type == '|' {
		length *= 2
	}
	if length > len(b)-at {
		return v, 0, fmt.Errorf("%w: %d values in %d bytes", ErrValue, length, len(b)-at)
	}
	v.Elems = make([]Value, length)
	for i := range v.Elems {
		elem, n, err := parseValue(b[at:], depth+1)
		if err != nil {
			return v, 0, err
		}
		v.Elems[i] = elem
		at += n
	}
	return v, at, nil
}
