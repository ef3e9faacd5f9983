// Decoding of RESP2 and RESP3 replies: of any value, and fast of messages alone.

package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

const (
	readBuffer = 256 << 10 // bytes
	maxBulk    = 1 << 30   // bytes of one bulk string
	maxElems   = 1 << 24   // elements of one aggregate
	maxDepth   = 64        // aggregates inside each other
	maxSeen    = 512       // bytes of the current frame kept for an error
)

// errMalformed says that the peer broke the protocol.
var errMalformed = errors.New("malformed RESP")

// decoder reads values from a stream. It is not safe for concurrent use.
type decoder struct {
	br      *bufio.Reader
	seen    []byte // the first bytes of the frame being read
	scratch []byte // the parts of the message being read
}

func newDecoder(r io.Reader) *decoder {
	return &decoder{br: bufio.NewReaderSize(r, readBuffer)}
}

// value reads one value. The error is io.EOF only if the stream ended between
// two values.
func (d *decoder) value() (Value, error) {
	d.seen = d.seen[:0]
	return d.nested(0)
}

func (d *decoder) nested(depth int) (Value, error) {
	line, err := d.line()
	if err != nil {
		return Value{}, err
	}
	v := Value{Type: line[0]}
	switch v.Type {
	case '+', '-', ',', '(', '#':
		v.Str = string(line[1:])
	case '_':
		v.Null = true
	case ':':
		v.Int, err = strconv.ParseInt(string(line[1:]), 10, 64)
	case '$', '!', '=':
		err = d.bulk(&v, line[1:])
	case '*', '>', '~', '%', '|':
		err = d.elems(&v, line[1:], depth)
	default:
		err = fmt.Errorf("%w: no type starts with %q", errMalformed, line[0])
	}
	return v, err
}

func (d *decoder) bulk(v *Value, length []byte) error {
	if string(length) == "-1" {
		v.Null = true
		return nil
	}
	b, err := d.appendBody(nil, length)
	v.Str = string(b)
	return err
}

func (d *decoder) elems(v *Value, count []byte, depth int) error {
	if string(count) == "-1" {
		v.Null = true
		return nil
	}
	n, err := parseLength(count, maxElems)
	if err != nil {
		return err
	}
	if depth == maxDepth {
		return fmt.Errorf("%w: more than %d aggregates inside each other", errMalformed, maxDepth)
	}
	if v.Type == '%' || v.Type == '|' {
		n *= 2
	}
	for range n {
		e, err := d.nested(depth + 1)
		if err != nil {
			return unexpectedEOF(err)
		}
		v.Elems = append(v.Elems, e)
	}
	return nil
}

// message reads one message, pmessage or smessage and hands its channel and
// payload to f, which must not keep them.
func (d *decoder) message(f func(channel, payload []byte)) error {
	d.seen = d.seen[:0]
	line, err := d.line()
	if err != nil {
		return err
	}
	var parts int
	switch string(line) {
	case "*3", ">3":
		parts = 3
	case "*4", ">4":
		parts = 4
	default:
		return fmt.Errorf("not a message: %q", line)
	}
	var ends [4]int
	d.scratch = d.scratch[:0]
	for i := range parts {
		if err := d.appendBulk(); err != nil {
			return unexpectedEOF(err)
		}
		ends[i] = len(d.scratch)
	}
	if kind := d.scratch[:ends[0]]; !isMessage(kind, parts) {
		return fmt.Errorf("not a message: %q", kind)
	}
	f(d.scratch[ends[parts-3]:ends[parts-2]], d.scratch[ends[parts-2]:ends[parts-1]])
	return nil
}

// messageIsNext tells whether the next frame is a message. It waits for no byte
// that does not come.
func (d *decoder) messageIsNext() (bool, error) {
	d.seen = d.seen[:0]
	head, err := d.br.Peek(2)
	if err != nil || head[0] != '*' && head[0] != '>' || head[1] != '3' && head[1] != '4' {
		return false, peeked(head, err)
	}
	head, err = d.br.Peek(len("*3\r\n$7\r\nm")) // shorter than any such array
	if err != nil {
		return false, peeked(head, err)
	}
	length := string(head[4:8])
	return (length == "$7\r\n" || length == "$8\r\n") && bytes.IndexByte([]byte("mps"), head[8]) >= 0, nil
}

// peeked makes the error of a Peek one of reading.
func peeked(head []byte, err error) error {
	if len(head) > 0 {
		return unexpectedEOF(err)
	}
	return err
}

func isMessage(kind []byte, parts int) bool {
	switch string(kind) {
	case "message", "smessage":
		return parts == 3
	case "pmessage":
		return parts == 4
	default:
		return false
	}
}

// appendBulk reads a bulk string to the end of d.scratch.
func (d *decoder) appendBulk() error {
	line, err := d.line()
	if err != nil {
		return err
	}
	if line[0] != '$' {
		return fmt.Errorf("not a message: it holds %q", line)
	}
	d.scratch, err = d.appendBody(d.scratch, line[1:])
	return err
}

// appendBody reads the bytes of a bulk string and the line end after them.
func (d *decoder) appendBody(dst, length []byte) ([]byte, error) {
	n, err := parseLength(length, maxBulk)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	for want := n + 2; want > 0; {
		at, piece := len(dst), min(want, readBuffer) // a length that lies costs no memory
		dst = slices.Grow(dst, piece)[:at+piece]
		got, err := io.ReadFull(d.br, dst[at:])
		d.remember(dst[at : at+got])
		if err != nil {
			return dst[:start], unexpectedEOF(err)
		}
		want -= piece
	}
	if string(dst[start+n:]) != "\r\n" {
		return dst[:start], fmt.Errorf("%w: a bulk string of %d bytes ends in %q", errMalformed, n, dst[start+n:])
	}
	return dst[:start+n], nil
}

// line reads one line of at least a byte, without its end; it is valid until the
// next read.
func (d *decoder) line() ([]byte, error) {
	line, err := d.br.ReadSlice('\n')
	d.remember(line)
	if err != nil {
		if len(line) > 0 {
			err = unexpectedEOF(err)
		}
		return nil, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return nil, fmt.Errorf("%w: line %q", errMalformed, line)
	}
	return line[:len(line)-2], nil
}

func (d *decoder) remember(b []byte) {
	room := maxSeen - len(d.seen)
	d.seen = append(d.seen, b[:min(room, len(b))]...)
}

// buffered is what is known of the frame being read, and of what comes after it.
func (d *decoder) buffered() []byte {
	ahead, _ := d.br.Peek(min(d.br.Buffered(), maxSeen))
	return slices.Concat(d.seen, ahead)
}

func parseLength(b []byte, limit int) (int, error) {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%w: length %q, of 0 to %d", errMalformed, b, limit)
	}
	return n, nil
}

// unexpectedEOF is err inside a frame, where the end of the stream is a fault.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
