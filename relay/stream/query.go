package stream

// What clients ask for: ranges and positions.

import (
	"math"
	"strings"
)

// Range is what XRANGE or XREVRANGE asks for.
type Range struct {
	Command string // XRANGE or XREVRANGE
	Channel string
	From    string // where it begins: for XREVRANGE the greater ID
	To      string // where it ends
	Count   int    // entries at most; 0: all
}

// Until has the range end at an ID, if it goes beyond; nil: it is left as it is.
func (q *Range) Until(end *ID) {
	upper := &q.To
	if q.Command == "XREVRANGE" {
		upper = &q.From
	}
	if end == nil {
		return
	}
	id, err := ParseID([]byte(strings.TrimPrefix(*upper, "(")), math.MaxUint64)
	if *upper == "+" || err == nil && id.After(*end) {
		*upper = end.String()
	}
}

// Position is where XREAD reads a channel on: behind an ID; behind the newest entry at the time of the command
// ("$"); or at that entry ("+"), but not when a client waits for entries that are still to come.
type Position struct {
	Channel string
	After   string
}

// Progress is called after each part of an answer, with all that has been read for it so far. Its error
// ends the reading.
type Progress func(entries, bytes int) error
