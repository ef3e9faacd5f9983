package stream

// IDs of entries: their text and their order.

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"strconv"
)

// ID names an entry of a stream: its time in milliseconds, and a number within the millisecond. The zero
// ID comes before every entry.
type ID struct{ Ms, Seq uint64 }

// ErrID is the error for a text that is no ID, in the words of Redis.
var ErrID = errors.New("ERR Invalid stream ID specified as stream command argument")

// ParseID reads "<ms>-<seq>", or "<ms>" alone, with seq for the missing part. The error is ErrID.
func ParseID(text []byte, seq uint64) (ID, error) {
	first, second, both := bytes.Cut(text, []byte{'-'})
	id := ID{Seq: seq}
	var err error
	if id.Ms, err = ParseUint(first); err != nil {
		return ID{}, ErrID
	}
	if !both {
		return id, nil
	}
	if id.Seq, err = ParseUint(second); err != nil {
		return ID{}, ErrID
	}
	return id, nil
}

// ParseUint reads a decimal number: digits only, within 64 bits. The error is ErrID.
func ParseUint(text []byte) (n uint64, err error) {
	if len(text) == 0 || len(text) > 20 {
		return 0, ErrID
	}
	for _, c := range text {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, ErrID
		}
		n = n*10 + d
	}
	return n, nil
}

// Compare returns -1, 0 or 1.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Ms, other.Ms), cmp.Compare(id.Seq, other.Seq))
}

// After tells whether id comes after other.
func (id ID) After(other ID) bool { return id.Compare(other) > 0 }

// IsZero tells whether id comes before every entry.
func (id ID) IsZero() bool { return id == ID{} }

// Append appends the ID as Redis writes it.
func (id ID) Append(b []byte) []byte {
	b = strconv.AppendUint(b, id.Ms, 10)
	return strconv.AppendUint(append(b, '-'), id.Seq, 10)
}

// String returns the ID as Redis writes it.
func (id ID) String() string { return string(id.Append(nil)) }

// Previous returns the largest ID before id.
func (id ID) Previous() ID {
	if id.Seq > 0 {
		return ID{id.Ms, id.Seq - 1}
	}
	return Before(id.Ms)
}

// IsEntry tells whether id may name an entry: it is neither zero, nor a position that Before has made.
func (id ID) IsEntry() bool { return !id.IsZero() && id.Seq != math.MaxUint64 }

// Before returns the largest ID of an earlier millisecond.
func Before(ms uint64) ID {
	if ms == 0 {
		return ID{}
	}
	return ID{ms - 1, math.MaxUint64}
}
