package shards

// How long the old owner of a slot is heard beside the new one.

import (
	"fmt"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// TestOverlapIsBounded: other slots that move meanwhile do not make it longer.
func TestOverlapIsBounded(t *testing.T) {
	a, b := newFakeNode(t, serves), newFakeNode(t, serves)
	s := begin(t, owns(1, a, b))
	if err := s.subscribe(channel); err != nil {
		t.Fatal(err)
	}
	view := owns(2, b, a)
	s.known.Learn(view)
	s.await("the move is told", func() bool { return len(s.gaps) == 1 })
	until := func() (at time.Time) {
		s.loop.Call(func() { at = s.slots[slotOfChannel].overlap.until })
		return at
	}
	before, other := until(), slotOfChannel+1
	view = owns(2, b, a)
	view[1].Ranges = fmt.Sprint(other)
	s.known.Learn(view)
	redistest.Eventually(t, patience, "another slot has moved", func() (moved bool) {
		s.loop.Call(func() { moved = s.table.Owner(other) == a.addr() })
		return moved
	})
	if after := until(); !after.Equal(before) {
		t.Errorf("the old owner is heard until %v, and was to be until %v", after, before)
	}
}
