package resp

// This file reads the other direction: what Redis sends to a subscriber.
// Deliveries are recognised in place, without allocation; every other value is
// only measured, so that it can be handed on whole.

import (
	"errors"
	"fmt"
)

// Kind is one of Redis's three ways to address a subscriber.
type Kind uint8

// The kinds, named after the frames that carry their messages.
const (
	Message  Kind = iota // exact channel: SUBSCRIBE, "message"
	PMessage             // pattern: PSUBSCRIBE, "pmessage"
	SMessage             // shard channel: SSUBSCRIBE, "smessage"
)

// Kinds is the number of kinds, for arrays indexed by one.
const Kinds = 3

var kindWords = [Kinds]struct{ message, subscribe, unsubscribe string }{
	{"message", "subscribe", "unsubscribe"},
	{"pmessage", "psubscribe", "punsubscribe"},
	{"smessage", "ssubscribe", "sunsubscribe"},
}

// String returns the first word of a message frame, as in "pmessage".
func (k Kind) String() string { return kindWords[k].message }

// Subscribe returns the word of the command and its confirmation.
func (k Kind) Subscribe() string { return kindWords[k].subscribe }

// Unsubscribe returns the word of the command and its confirmation.
func (k Kind) Unsubscribe() string { return kindWords[k].unsubscribe }

// Delivery is one published message as Redis sent it. Its slices alias the
// buffer that was scanned.
type Delivery struct {
	Kind    Kind
	Pattern []byte // PMessage only
	Channel []byte
	Payload []byte
	Frame   []byte // the whole frame: byte for byte what a RESP2 subscriber must get

	// Not in the frame: set by who passes the message on.
	ID       EntryID // of a message with history
	Trace    string  // that its entry names beside the message, as W3C's traceparent; empty: none
	Upstream int     // the relay's number of the Redis from which it comes
	Epoch    uint64  // grows, between two messages, when Upstream may send one once more often than before
	Moment   uint64  // when it came: grows whenever somebody tells what comes later from what has come; 0: not known
}

// EntryID is the ID of an entry of a stream; zero: none.
type EntryID struct{ Ms, Seq uint64 }

// ErrFrame reports bytes that no RESP2 server sends.
var ErrFrame = errors.New("not a RESP2 frame")

// Token says what ScanServer found at the start of a buffer.
type Token uint8

// What ScanServer finds.
const (
	Incomplete Token = iota // more bytes are needed
	IsDelivery              // a whole delivery
	IsControl               // any other whole value: a confirmation, a pong, an error
)

// maxReplyDepth bounds nested arrays in control replies; Redis nests at most a
// handful (COMMAND, XINFO).
const maxReplyDepth = 16

// maxBulk is Redis's own limit of a bulk string (proto-max-bulk-len).
const maxBulk = 512 << 20

// deliveryHeads are what deliveries begin with, behind the byte that differs between RESP2 (*) and RESP3 (>).
var deliveryHeads = [...]struct {
	head  string
	kind  Kind
	parts int
}{
	{"3\r\n$7\r\nmessage\r\n", Message, 2},
	{"4\r\n$8\r\npmessage\r\n", PMessage, 3},
	{"3\r\n$8\r\nsmessage\r\n", SMessage, 2},
}

// ScanServer looks at the start of b, which holds what a RESP2 server sent.
//
// For IsDelivery it fills d; n is then the length of the frame. For IsControl n
// is the length of the value. For Incomplete n is the length in bytes that the
// frame will have, as far as it is known yet: at least len(b)+1. If a delivery
// is incomplete but its channel is known, d.Channel is set (d.Frame is nil), so
// that a caller can refuse a huge payload before it arrives.
//
// Source: https://redis.io/docs/latest/develop/pubsub (wire protocol format).
func ScanServer(b []byte, d *Delivery) (tok Token, n int, err error) { return scanServer(b, '*', d) }

// ScanServer3 is ScanServer for what a server sends in RESP3, where deliveries are pushes. It makes the frame of a
// delivery that of RESP2, in place: the first byte is all that differs.
func ScanServer3(b []byte, d *Delivery) (tok Token, n int, err error) {
	tok, n, err = scanServer(b, '>', d)
	if tok == IsDelivery {
		b[0] = '*'
	}
	return tok, n, err
}

func scanServer(b []byte, first byte, d *Delivery) (tok Token, n int, err error) {
	*d = Delivery{}
	if len(b) == 0 {
		return Incomplete, 1, nil
	}
	if b[0] == first {
		for i := range deliveryHeads {
			h := &deliveryHeads[i]
			if len(b) > len(h.head) && string(b[1:1+len(h.head)]) == h.head {
				return scanDelivery(b, 1+len(h.head), h.parts, h.kind, d)
			}
		}
	}
	end, err := valueEnd(b, 0, 0)
	if err != nil {
		return Incomplete, 0, err
	}
	if end > len(b) {
		return Incomplete, end, nil
	}
	return IsControl, end, nil
}

func scanDelivery(b []byte, at, parts int, kind Kind, d *Delivery) (Token, int, error) {
	d.Kind = kind
	if parts == 3 {
		pattern, next, err := bulk(b, at)
		if err != nil || next > len(b) {
			return Incomplete, next, err
		}
		d.Pattern, at = pattern, next
	}
	channel, next, err := bulk(b, at)
	if err != nil || next > len(b) {
		return Incomplete, next, err
	}
	d.Channel = channel
	payload, end, err := bulk(b, next)
	if err != nil || end > len(b) {
		return Incomplete, end, err
	}
	d.Payload, d.Frame = payload, b[:end]
	return IsDelivery, end, nil
}

// bulk reads the bulk string at b[at:]. next is the index behind it; when next
// is beyond len(b) the string is not whole yet and next is the least length
// that b must have.
func bulk(b []byte, at int) (s []byte, next int, err error) {
	if at >= len(b) {
		return nil, at + 1, nil
	}
	if b[at] != '$' {
		return nil, 0, fmt.Errorf("%w: expected '$', got %q", ErrFrame, b[at])
	}
	n, next, err := number(b, at+1)
	if err != nil || next > len(b) {
		return nil, next, err
	}
	if n < 0 || n > maxBulk {
		return nil, 0, fmt.Errorf("%w: bulk length %d", ErrFrame, n)
	}
	end := next + n + 2
	if end > len(b) {
		return nil, end, nil
	}
	if b[end-2] != '\r' || b[end-1] != '\n' {
		return nil, 0, fmt.Errorf("%w: bulk string without CRLF", ErrFrame)
	}
	return b[next : next+n], end, nil
}

// number reads a decimal and its CRLF at b[at:]; next is as in bulk.
func number(b []byte, at int) (v, next int, err error) {
	i, negative := at, false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	for ; i < len(b); i++ {
		c := b[i]
		if c == '\r' {
			return finishNumber(b, i, v, negative)
		}
		if c < '0' || c > '9' || v > maxBulk {
			return 0, 0, fmt.Errorf("%w: bad length", ErrFrame)
		}
		v = v*10 + int(c-'0')
	}
	return 0, len(b) + 1, nil
}

func finishNumber(b []byte, cr, v int, negative bool) (int, int, error) {
	if cr+1 >= len(b) {
		return 0, cr + 2, nil
	}
	if b[cr+1] != '\n' {
		return 0, 0, fmt.Errorf("%w: length without CRLF", ErrFrame)
	}
	if negative {
		v = -v
	}
	return v, cr + 2, nil
}

// valueEnd returns the index behind the value at b[at:], or the least
// length b must have to tell.
func valueEnd(b []byte, at, depth int) (int, error) {
	if at >= len(b) {
		return at + 1, nil
	}
	if depth > maxReplyDepth {
		return 0, fmt.Errorf("%w: nested too deep", ErrFrame)
	}
	switch b[at] {
	case '+', '-', ':', '_', '#', ',', '(':
		return lineEnd(b, at+1), nil
	case '$', '!', '=':
		n, next, err := number(b, at+1)
		if err != nil || next > len(b) || n < 0 {
			return next, err
		}
		return next + n + 2, nil
	case '*', '~', '>', '%', '|':
		n, next, err := number(b, at+1)
		if b[at] == '%' || b[at] == '|' {
			n *= 2
		}
		for i := 0; i < n && err == nil && next <= len(b); i++ {
			next, err = valueEnd(b, next, depth+1)
		}
		return next, err
	}
	return 0, fmt.Errorf("%w: unexpected %q", ErrFrame, b[at])
}

func lineEnd(b []byte, at int) int {
	for i := at; i+1 < len(b); i++ {
		if b[i] == '\r' && b[i+1] == '\n' {
			return i + 2
		}
	}
	return len(b) + 1
}
