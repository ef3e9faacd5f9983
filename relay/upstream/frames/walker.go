package frames

// Finding the end of a value that comes in pieces, without reading a piece twice or keeping it.

import (
	"bytes"
	"fmt"

	"redis-relay/relay/resp"
)

const (
	maxDepth  = 32      // of values in values
	maxNumber = 32      // bytes of a line that holds a length
	maxLength = 1 << 40 // values in a value, or bytes of a string
	valueRoom = 32      // bytes that a value takes in memory beside those on the wire, at least
)

// walker walks over one value. The zero walker is at its beginning.
type walker struct {
	size   int   // bytes passed, and valueRoom for each value met
	within bool  // a value has begun and not ended
	text   int   // bytes of a string still to come
	line   bool  // in the middle of a line without a length
	cr     bool  // the last byte of that line was \r
	left   []int // values still to come, in each of the values that this one is in
}

// walk passes over as much of b as it can, n bytes, and reports whether the value ends there. If it does not,
// the next call begins with the byte behind those n.
func (w *walker) walk(b []byte) (n int, whole bool, err error) {
	for {
		moved, err := w.step(b[n:])
		n += moved
		w.size += moved
		switch {
		case err != nil || w.within && moved == 0:
			return n, false, err
		case w.within && w.text == 0 && !w.line && w.ended():
			w.within = false
			return n, true, nil
		case n == len(b):
			return n, false, nil
		}
	}
}

// step passes over bytes of a string or of a line, or over what a value begins with.
func (w *walker) step(b []byte) (n int, err error) {
	switch {
	case w.text > 0:
		n = min(w.text, len(b))
		w.text -= n
		return n, nil
	case w.line:
		return w.passLine(b)
	}
	return w.head(b)
}

func (w *walker) passLine(b []byte) (n int, err error) {
	end := bytes.IndexByte(b, '\n')
	cr := w.cr
	if end > 0 {
		cr = b[end-1] == '\r'
	}
	switch {
	case len(b) == 0:
		return 0, nil
	case end < 0:
		w.line, w.cr = true, b[len(b)-1] == '\r'
		return len(b), nil
	case !cr:
		return 0, fmt.Errorf("%w: a line without CRLF", resp.ErrFrame)
	}
	w.line, w.cr = false, false
	return end + 1, nil
}

// head passes over the first line of a value.
func (w *walker) head(b []byte) (n int, err error) {
	w.within = true
	if len(b) == 0 {
		return 0, nil
	}
	switch b[0] {
	case '+', '-', ':', '_', '#', ',', '(':
		w.size += valueRoom
		return w.passLine(b)
	case '$', '!', '=', '*', '~', '>', '%', '|':
	default:
		return 0, fmt.Errorf("%w: unexpected %q", resp.ErrFrame, b[0])
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 && len(b) < maxNumber {
		return 0, nil
	}
	count, ok := resp.ParseInt(b[1:max(1, end-1)])
	if !ok || b[end-1] != '\r' {
		return 0, fmt.Errorf("%w: a length of %.32q", resp.ErrFrame, b)
	}
	w.size += valueRoom
	return end + 1, w.open(b[0], int(count))
}

// open begins a value that has a length.
func (w *walker) open(kind byte, count int) error {
	switch {
	case count < 0: // null
		return nil
	case count > maxLength:
		return fmt.Errorf("%w: a length of %d", resp.ErrFrame, count)
	case kind == '$' || kind == '!' || kind == '=':
		w.text = count + 2
		return nil
	case kind == '%' || kind == '|':
		count *= 2
	}
	if len(w.left) == maxDepth {
		return fmt.Errorf("%w: nested too deep", resp.ErrFrame)
	}
	w.left = append(w.left, count+1) // ended takes it off itself
	return nil
}

// least is how many bytes are still to come, at least.
func (w *walker) least() int { return max(1, w.text) }

// reset is for the next value.
func (w *walker) reset() { *w = walker{left: w.left[:0]} }

// ended notes the end of an inner value, and reports whether the outermost value has ended, too.
func (w *walker) ended() bool {
	for i := len(w.left) - 1; i >= 0; i-- {
		if w.left[i]--; w.left[i] > 0 {
			return false
		}
		w.left = w.left[:i]
	}
	return true
}
