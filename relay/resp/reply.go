// This file reads replies of either protocol back into values. It is for tests and tools, not for the data path.

package resp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

var (
	// ErrValue is wrapped by the error for bytes that are no value. An error of the reader is wrapped as it is.
	ErrValue = errors.New("not a RESP value")
	// ErrLimit: a value has more bytes than are to be kept. It was read to its end.
	ErrLimit = errors.New("a RESP value over the limit")
)

const (
	maxValueDepth = 32      // of values in values
	maxLine       = 1 << 20 // bytes
	valueRoom     = 32      // bytes that a value takes beside those on the wire, at least
)

// Value is one reply or push.
type Value struct {
	Type  byte    // its first byte on the wire: one of + - : $ * _ # , ( ! = % ~ > |
	Str   []byte  // + - $ ! and, with their text, # , ( ; also =, without the format
	Int   int64   // :
	Elems []Value // * ~ > and, keys and values in turn, % |
	Null  bool    // _ and the null string and array of RESP2
}

// ReadValue reads one value. Attributes are values of their own, of type |. At the end of r before any byte the error
// is io.EOF.
func ReadValue(r *bufio.Reader) (Value, error) { return ReadValueUpTo(r, math.MaxInt) }

// ReadValueUpTo is ReadValue for values of at most limit bytes: those on the wire, and 32 for each value in the value.
// Of a larger one it keeps no more than that while it reads on to the end: then the error is ErrLimit, and the next
// value may be read.
func ReadValueUpTo(r *bufio.Reader, limit int) (Value, error) {
	if _, err := r.Peek(1); err != nil {
		return Value{}, err
	}
	in := valueReader{r, limit}
	v, err := in.value(0)
	if err == nil && in.left < 0 {
		return Value{}, ErrLimit
	}
	return v, err
}

type valueReader struct {
	*bufio.Reader
	left int // bytes that may still be kept; negative: the value is over the limit
}

func (r *valueReader) value(depth int) (Value, error) {
	if depth > maxValueDepth {
		return Value{}, fmt.Errorf("%w: nested deeper than %d", ErrValue, maxValueDepth)
	}
	line, err := r.line()
	if err != nil {
		return Value{}, err
	}
	r.left -= valueRoom
	v := Value{Type: line[0]}
	switch text := line[1:]; v.Type {
	case '+', '-', '#', ',', '(':
		v.Str = text
		return v, nil
	case '_':
		v.Null = true
		return v, nil
	case ':':
		v.Int, err = readNumber(text)
		return v, err
	case '$', '!', '=':
		return r.string(v, text)
	case '*', '~', '>', '%', '|':
		return r.elems(v, text, depth)
	}
	return Value{}, fmt.Errorf("%w: type byte %q", ErrValue, v.Type)
}

// line returns a line, without its end, that has a type byte at least.
func (r *valueReader) line() (line []byte, err error) {
	for more := true; more; {
		var part []byte
		part, err = r.ReadSlice('\n')
		line = append(line, part...)
		more = errors.Is(err, bufio.ErrBufferFull) && len(line) <= maxLine
	}
	r.left -= len(line)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrValue, maxLine)
	case err != nil:
		return nil, fmt.Errorf("read line: %w", noEOF(err))
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return nil, fmt.Errorf("%w: line %q", ErrValue, line)
	}
	return line[:len(line)-2], nil
}

func readNumber(text []byte) (int64, error) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: number %q", ErrValue, text)
	}
	return n, nil
}

// readLength reads the length of a string or an aggregate; -1 is the null of RESP2.
func readLength(text []byte) (n int, null bool, err error) {
	v, err := readNumber(text)
	switch {
	case err != nil:
		return 0, false, err
	case v == -1:
		return 0, true, nil
	case v < 0 || v > maxBulk:
		return 0, false, fmt.Errorf("%w: length %d", ErrValue, v)
	}
	return int(v), false, nil
}

func (r *valueReader) string(v Value, length []byte) (Value, error) {
	n, null, err := readLength(length)
	if err != nil || null {
		v.Null = null
		return v, err
	}
	if r.left -= n + 2; r.left < 0 {
		if _, err := r.Discard(n + 2); err != nil {
			return v, fmt.Errorf("pass over string of %d bytes: %w", n, noEOF(err))
		}
		return v, nil
	}
	var text strings.Builder // grows with what comes, not with what is announced
	if _, err := io.CopyN(&text, r.Reader, int64(n)+2); err != nil {
		return v, fmt.Errorf("read string of %d bytes: %w", n, noEOF(err))
	}
	s, ok := strings.CutSuffix(text.String(), "\r\n")
	if !ok {
		return v, fmt.Errorf("%w: string of %d bytes has no end", ErrValue, n)
	}
	if v.Type == '=' {
		if len(s) < 4 || s[3] != ':' {
			return v, fmt.Errorf("%w: verbatim string %q has no format", ErrValue, s)
		}
		s = s[4:]
	}
	v.Str = []byte(s)
	return v, nil
}

func (r *valueReader) elems(v Value, length []byte, depth int) (Value, error) {
	n, null, err := readLength(length)
	if err != nil || null {
		v.Null = null
		return v, err
	}
	if v.Type == '%' || v.Type == '|' {
		n *= 2
	}
	for range n {
		elem, err := r.value(depth + 1)
		if err != nil {
			return v, err
		}
		if r.left >= 0 {
			v.Elems = append(v.Elems, elem)
		}
	}
	return v, nil
}

// noEOF makes the end of input an error where a value has begun.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// String returns v in a readable form: +OK, -ERR no, :1, text, (nil), [message a m], >[subscribe a 1], %[k v]. Inside
// brackets integers have no colon. Strings that are empty or hold spaces, brackets or unprintable bytes are quoted.
func (v Value) String() string {
	if v.Type == ':' {
		return ":" + v.bare()
	}
	return v.bare()
}

func (v Value) bare() string {
	if v.Null {
		return "(nil)"
	}
	switch v.Type {
	case '+', '-', '#', ',', '(', '!':
		return string(v.Type) + string(v.Str)
	case ':':
		return strconv.FormatInt(v.Int, 10)
	case '$', '=':
		return quoteUnlessPlain(string(v.Str))
	}
	elems := make([]string, len(v.Elems))
	for i, elem := range v.Elems {
		elems[i] = elem.bare()
	}
	return strings.TrimPrefix(string(v.Type), "*") + "[" + strings.Join(elems, " ") + "]"
}

func quoteUnlessPlain(s string) string {
	if s == "" || strings.ContainsAny(s, " []()") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}
