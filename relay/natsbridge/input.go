package natsbridge

// Cutting the bytes of a connection into lines and messages.

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	inputSize = 64 << 10    // bytes of the buffer; the longest line that a server sends is shorter
	minSpace  = 4 << 10     // bytes that a read has room for, at least
	maxBody   = 1<<31 - 1   // bytes of a message, as NATS itself bounds them
	maxIdle   = 1 << 20     // bytes of an empty buffer that is kept
	lineEnd   = "\r\n"      // of lines, and of bodies
	endSize   = len("\r\n") // bytes
)

var errProtocol = errors.New("unexpected bytes from the NATS server")

// item is one line, or one message, from a server.
type item struct {
	verb, rest []byte
	request    // of LMSG and HMSG
	isMessage  bool
}

// request is a message that a client has sent. Its payload is valid while the request is carried out.
type request struct {
	subject string
	reply   string // empty: no answer is wanted
	payload []byte
}

// input holds the bytes that have arrived and were not carried out yet. Its zero value is empty.
type input struct {
	buf   []byte
	begin int // where the bytes begin that were not carried out
	need  int // the least number of bytes of the next item; fewer are not worth a look
}

// space returns memory to read into.
func (in *input) space() []byte {
	switch {
	case in.begin == len(in.buf) && cap(in.buf) > maxIdle:
		in.buf, in.begin = nil, 0
	case in.begin == len(in.buf) || cap(in.buf)-len(in.buf) < minSpace:
		in.buf = in.buf[:copy(in.buf, in.buf[in.begin:])]
		in.begin = 0
	}
	if cap(in.buf)-len(in.buf) < minSpace {
		size := max(inputSize, min(2*cap(in.buf), in.need+inputSize))
		in.buf = append(make([]byte, 0, size), in.buf...)
	}
	return in.buf[len(in.buf):cap(in.buf)]
}

// wrote records that n bytes of space were filled.
func (in *input) wrote(n int) { in.buf = in.buf[:len(in.buf)+n] }

// skip removes the n bytes of the item that next has returned.
func (in *input) skip(n int) { in.begin, in.need = in.begin+n, 0 }

// next returns the first item and its length in bytes, 0 if the item is not complete. The item is valid until the
// next call of space.
func (in *input) next() (it item, n int, err error) {
	b := in.buf[in.begin:]
	if len(b) < in.need || len(b) == 0 {
		return it, 0, nil
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if in.need = len(b) + 1; len(b) >= inputSize {
			return it, 0, fmt.Errorf("%w: a line of more than %d bytes", errProtocol, inputSize)
		}
		return it, 0, nil
	}
	it.verb, it.rest, _ = bytes.Cut(bytes.TrimRight(b[:end], lineEnd), []byte(" "))
	n = end + 1
	switch string(it.verb) {
	case "LMSG", "HMSG":
		size, headers, err := it.head(string(it.verb) == "HMSG")
		if err != nil {
			return it, 0, err
		}
		if in.need = n + size + endSize; len(b) < in.need {
			return it, 0, nil
		}
		it.isMessage, it.payload = true, b[n+headers:n+size]
		n = in.need
	}
	return it, n, nil
}

// head reads the line of a message, and returns the sizes of its body and of the headers at the body's start. The
// line has a subject, perhaps a reply subject, and one or two sizes. For queue groups it has a subject, "|" or "+"
// and a reply subject, the groups, and the sizes.
func (it *item) head(hasHeaders bool) (size, headers int, err error) {
	args := strings.Fields(string(it.rest))
	n := len(args) - 1
	if hasHeaders {
		n--
	}
	switch {
	case n < 1:
		return 0, 0, fmt.Errorf("%w: a message with %d arguments", errProtocol, len(args))
	case n > 2 && args[1] == "+":
		it.reply = args[2]
	case n == 2 && args[1] != "|":
		it.reply = args[1]
	case n > 2 && args[1] != "|":
		return 0, 0, fmt.Errorf("%w: a message with %d arguments", errProtocol, len(args))
	}
	it.subject = args[0]
	if size, err = number(args[len(args)-1], maxBody); err == nil && hasHeaders {
		headers, err = number(args[len(args)-2], size)
	}
	return size, headers, err
}

func number(text string, limit int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > limit {
		return 0, fmt.Errorf("%w: a size of %.40q bytes", errProtocol, text)
	}
	return n, nil
}
