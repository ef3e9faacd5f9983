package alerts

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// waits lists what waits as "kind id state times".
func (q *queue) waits() (list []string) {
	for {
		a, ok := q.take()
		if !ok {
			return list
		}
		list = append(list, fmt.Sprint(a.Kind, a.ID, " ", a.State, " ", a.Times))
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	q := newQueue()
	q.add(Alert{Kind: "a", ID: 1, State: Raised, Times: 1})
	if a, ok := q.take(); !ok || a.ID != 1 {
		t.Fatalf("took %+v, %v", a, ok)
	}
	q.add(Alert{Kind: "b", ID: 2, State: Raised, Times: 1})
	q.add(Alert{Kind: "a", ID: 1, State: Ended, Times: 3}) // its raise was taken
	q.add(Alert{Kind: "a", ID: 3, State: Raised, Times: 1})
	if got, want := q.waits(), []string{"b2 raised 1", "a1 ended 3", "a3 raised 1"}; !slices.Equal(got, want) {
		t.Errorf("%q wait, want %q", got, want)
	}
	if _, ok := q.take(); ok {
		t.Error("something waits")
	}
}

func TestQueueMerges(t *testing.T) {
	q, at := newQueue(), time.Now()
	once := func(id uint64, name uint64, at time.Time) Alert {
		return Alert{Kind: "o", ID: id, State: Ended, Once: true, Times: 1, Since: at, Until: at, key: key{name: name}}
	}
	q.add(Alert{Kind: "a", ID: 1, State: Raised, Times: 1})
	q.add(once(2, 7, at))
	q.add(Alert{Kind: "a", ID: 1, State: Ended, Times: 2})
	q.add(once(3, 7, at.Add(time.Second)))
	q.add(once(4, 8, at))
	if w := q.waiting[1]; !w.Since.Equal(at) || !w.Until.Equal(at.Add(time.Second)) {
		t.Errorf("merged as %+v", w)
	}
	if got, want := q.waits(), []string{"a1 ended 2", "o3 ended 2", "o4 ended 1"}; !slices.Equal(got, want) {
		t.Errorf("%q wait, want %q", got, want)
	}
}

// TestQueueIsBounded: first goes what there is most of, and an end of which the receiver waits goes last.
func TestQueueIsBounded(t *testing.T) {
	q := newQueue()
	q.add(Alert{Kind: "rare", ID: 1, State: Raised})
	q.add(Alert{Kind: "often", ID: 2, State: Ended})
	const flood = 10 * maxWaiting
	for id := range uint64(flood) {
		q.add(Alert{Kind: "often", ID: id + 3, State: Raised})
	}
	waiting, dropped := q.stats()
	if waiting != maxWaiting || dropped != flood+2-maxWaiting {
		t.Errorf("%d wait, %d were dropped", waiting, dropped)
	}
	got := q.waits()
	want := []string{"rare1 raised 0", "often2 ended 0", fmt.Sprintf("often%d raised 0", flood+3-(maxWaiting-2))}
	if !slices.Equal(got[:3], want) {
		t.Errorf("%q wait, want %q", got[:3], want)
	}
	for id := range uint64(maxWaiting + 1) { // nothing else is left to drop
		q.add(Alert{Kind: "often", ID: id, State: Ended})
	}
	if got := q.waits(); len(got) != maxWaiting || got[0] != "often1 ended 0" {
		t.Errorf("%d wait, %q first", len(got), got[0])
	}
}
