package history

// What is known of one channel: the newest entries, and the counts of publishers.

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"redis-relay/relay/stream"
)

func entry(ms uint64, size int) stream.Entry {
	return stream.Entry{ID: stream.ID{Ms: ms}, Fields: [][]byte{[]byte(stream.DefaultField), bytes.Repeat([]byte("x"), size)}}
}

func ids(list []stream.Entry) (out []uint64) {
	for _, e := range list {
		out = append(out, e.ID.Ms)
	}
	return out
}

func TestRecentKeepsWhatIsBehindFrom(t *testing.T) {
	var r recent
	r.restart(stream.ID{Ms: 9})
	for ms := uint64(10); ms < 15; ms++ {
		r.add(entry(ms, 1), time.Now())
	}
	for _, tt := range []struct {
		after stream.ID
		count int
		ok    bool
		want  []uint64
	}{
		{stream.ID{Ms: 8}, 0, false, nil},
		{stream.ID{Ms: 8, Seq: 9}, 1, false, nil},
		{stream.ID{Ms: 9}, 0, true, []uint64{10, 11, 12, 13, 14}},
		{stream.ID{Ms: 9}, 2, true, []uint64{10, 11}},
		{stream.ID{Ms: 9, Seq: 5}, 9, true, []uint64{10, 11, 12, 13, 14}}, // between two
		{stream.ID{Ms: 12}, 0, true, []uint64{13, 14}},
		{stream.ID{Ms: 12, Seq: 1}, 1, true, []uint64{13}},
		{stream.ID{Ms: 14}, 0, true, nil},
		{stream.ID{Ms: 99}, 0, true, nil},
	} {
		list, ok := r.after(tt.after, tt.count)
		if got := ids(list); ok != tt.ok || !slices.Equal(got, tt.want) {
			t.Errorf("after %v, %d: %v, %v, want %v, %v", tt.after, tt.count, got, ok, tt.want, tt.ok)
		}
	}
	r.restart(stream.ID{Ms: 14})
	if list, ok := r.after(stream.ID{Ms: 14}, 0); !ok || len(list) > 0 || r.bytes != 0 {
		t.Errorf("after a restart: %v, %v, %d bytes", list, ok, r.bytes)
	}
}

// TestRecentAges: after a while an entry is Redis's alone, where it may have been deleted.
func TestRecentAges(t *testing.T) {
	var r recent
	r.restart(stream.ID{Ms: 9})
	start := time.Now()
	for ms := uint64(10); ms < 15; ms++ {
		r.add(entry(ms, 100), start.Add(time.Duration(ms)*100*time.Millisecond))
	}
	r.expire(start.Add(1200*time.Millisecond + recentAge + 1))
	if list, ok := r.after(stream.ID{Ms: 11}, 0); ok {
		t.Errorf("entries behind one that has aged are said to be known: %v", ids(list))
	}
	if list, ok := r.after(stream.ID{Ms: 12}, 0); !ok || !slices.Equal(ids(list), []uint64{13, 14}) {
		t.Errorf("got %v, %v", ids(list), ok)
	}
	r.expire(start.Add(time.Hour))
	if list, ok := r.after(stream.ID{Ms: 14}, 0); !ok || len(list) > 0 || r.bytes != 0 || len(r.came) != 0 {
		t.Errorf("when all have aged: %v, %v, %d bytes", ids(list), ok, r.bytes)
	}
}

// TestRecentGivesCopies: what a reader has got does not change when entries are let
// go.
func TestRecentGivesCopies(t *testing.T) {
	var r recent
	for ms := range uint64(recentEntries) {
		r.add(entry(ms+1, 1), time.Now())
	}
	list, _ := r.after(stream.ID{}, 0)
	want := ids(list)
	for ms := range uint64(recentEntries) {
		r.add(entry(recentEntries+ms+1, 1), time.Now())
	}
	if got := ids(list); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v as before", got, want)
	}
}

// TestRecentIsBounded, by number and by bytes, and knows where it begins.
func TestRecentIsBounded(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, largest := range []int{1, 5000, recentBytes / 2, 2 * recentBytes} {
		var r recent
		r.restart(stream.ID{})
		var all []stream.Entry
		for ms := range uint64(1000) {
			all = append(all, entry(ms+1, random.IntN(largest)))
			r.add(all[ms], time.Now())
			size := 0
			for _, e := range r.entries {
				size += e.Size()
			}
			if size != r.bytes || r.bytes > recentBytes || len(r.entries) > recentEntries {
				t.Fatalf("%d entries of %d bytes, counted as %d", len(r.entries), size, r.bytes)
			}
			first := int(ms) + 1 - len(r.entries)
			if from := uint64(first); r.from.Ms != from || !slices.Equal(ids(r.entries), ids(all[first:])) {
				t.Fatalf("entries %v behind %v, want those behind %d", ids(r.entries), r.from, from)
			}
		}
	}
}

func TestJumped(t *testing.T) {
	c := newChannel("c")
	for i, tt := range []struct {
		publisher string
		n         uint64
		want      bool
	}{
		{"a", 7, false}, // the first that is heard
		{"a", 8, false},
		{"b", 1, false},
		{"a", 9, false},
		{"b", 3, true},
		{"b", 4, false},
		{"a", 9, false}, // again, for another name
		{"a", 12, true},
		{"a", 13, false},
		{"a", 1, false}, // its count began anew
		{"a", 2, false},
		{"a", 4, true},
	} {
		if got := c.noteCount([]byte(tt.publisher), tt.n); got != tt.want {
			t.Errorf("%d: %s %d: %v, want %v", i, tt.publisher, tt.n, got, tt.want)
		}
	}
}

// TestJumpedForgets publishers of relays long gone, and does not take them for a
// jump.
func TestJumpedForgets(t *testing.T) {
	c := newChannel("c")
	for i := range 10_000 {
		if c.noteCount([]byte("life"+strconv.Itoa(i)), uint64(i)) {
			t.Fatalf("publisher %d jumped at first sight", i)
		}
		if len(c.counts) > 300 {
			t.Fatalf("%d publishers are remembered", len(c.counts))
		}
	}
}

func TestCountsDoNotKeepTheBuffer(t *testing.T) {
	c := newChannel("c")
	name := []byte("publisher")
	c.noteCount(name, 1)
	copy(name, "XXXXXXXXX")
	if !c.noteCount([]byte("publisher"), 3) {
		t.Error("the count was kept under another name")
	}
}

func TestFirstHeld(t *testing.T) {
	c := newChannel("c")
	if _, some := c.firstHeld(); some {
		t.Error("nothing is held")
	}
	c.held = []heldMessage{{}, {id: stream.ID{Ms: 5, Seq: 1}, isCopy: true}, {id: stream.ID{Ms: 6}}}
	if id, some := c.firstHeld(); !some || id != (stream.ID{Ms: 5, Seq: 1}) {
		t.Errorf("got %v, %v", id, some)
	}
}
