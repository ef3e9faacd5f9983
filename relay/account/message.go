package account

// What a message looks like: it says itself who sent it, where, when, how long it is
// and of which kind.

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ID names one message.
type ID struct {
	Publisher int
	Channel   int
	Number    int // from 0, counted by the publisher for the channel
}

func (id ID) String() string {
	return fmt.Sprintf("message %d of publisher %d on channel %d", id.Number, id.Publisher, id.Channel)
}

// Kind is what a message's field "type" says. A publisher sends them in turn.
func (id ID) Kind() Kind { return Kind(uint(id.Publisher+id.Number) % uint(len(kindNames))) }

// Kind is a kind of message, for which a route may have a policy of its own.
type Kind uint8

// The kinds.
const (
	KindMessage Kind = iota
	KindTyping
	KindCursor
	KindBurst
	KindTurn
)

var kindNames = [...]string{"message", "typing", "cursor", "burst", "turn"}

func (k Kind) String() string { return kindNames[k] }

// Kinds is a set of them.
type Kinds uint8

// AllKinds has every kind.
const AllKinds Kinds = 1<<len(kindNames) - 1

// Of returns a set.
func Of(list ...Kind) (s Kinds) {
	for _, k := range list {
		s |= 1 << k
	}
	return s
}

// Has tells whether a kind is in the set.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

func (s Kinds) String() string {
	var list []string
	for k := range Kind(len(kindNames)) {
		if s.Has(k) {
			list = append(list, k.String())
		}
	}
	return strings.Join(list, ", ")
}

// ErrPayload says that a payload is no message, or not a whole one.
var ErrPayload = errors.New("not a message of the account")

// fields are the texts before the numbers of a payload.
var fields = [...]string{`{"p":`, `,"c":`, `,"n":`, `,"t":`, `,"size":`}

const (
	kindField = `,"type":"`
	padding   = `","pad":"`
)

// AppendPayload appends a message with size bytes of padding, sent at a time. It is
// a JSON object.
func AppendPayload(b []byte, id ID, sent int64, size int) []byte {
	for i, v := range [...]int64{int64(id.Publisher), int64(id.Channel), int64(id.Number), sent, int64(size)} {
		b = strconv.AppendInt(append(b, fields[i]...), v, 10)
	}
	b = append(append(append(b, kindField...), id.Kind().String()...), padding...)
	for range size {
		b = append(b, pad(id))
	}
	return append(b, `"}`...)
}

// ParsePayload is the reverse of AppendPayload. It returns ErrPayload when anything
// is missing, changed or too much.
func ParsePayload(b []byte) (id ID, sent int64, err error) {
	var values [len(fields)]int64
	for i, field := range fields {
		rest, ok := bytes.CutPrefix(b, []byte(field))
		if !ok {
			return ID{}, 0, ErrPayload
		}
		values[i], b = number(rest)
	}
	id = ID{int(values[0]), int(values[1]), int(values[2])}
	rest, ok := bytes.CutPrefix(b, []byte(kindField+id.Kind().String()+padding))
	if size := int(values[4]); !ok || len(rest) != size+2 || bytes.Count(rest[:size], []byte{pad(id)}) != size {
		return ID{}, 0, ErrPayload
	}
	return id, values[3], nil
}

// number reads the digits at the start of b.
func number(b []byte) (v int64, rest []byte) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		v = v*10 + int64(b[i]-'0')
	}
	return v, b[i:]
}

// pad is what neighbouring messages are told apart by.
func pad(id ID) byte { return byte('a' + (id.Number+id.Publisher)%26) }
