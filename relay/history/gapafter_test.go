package history

import (
	"testing"
	"time"

	"redis-relay/relay/stream"
)

// TestGapNamesNoPosition: a channel is compared whose listeners began behind a position, or of which the last entry came
// only in part. What is told of the gap names no ID that Redis never gave.
func TestGapNamesNoPosition(t *testing.T) {
	partly := stream.ID{Ms: 7, Seq: 2}
	large := measured{Entry: stream.Entry{ID: stream.ID{Ms: 9}}, large: &LargeEntry{Bytes: 1 << 40}}
	for start, begin := range map[string]func(c *channel){
		"behind a position": func(c *channel) { c.last = stream.Before(7) },
		"behind a part":     func(c *channel) { c.last, c.partial.id = partly.Previous(), partly },
		"behind an entry":   func(c *channel) { c.last = stream.ID{Ms: 6, Seq: 1} },
	} {
		for cause, answer := range map[string]tail{
			"cannot be read": {refused: "NOPERM no"},
			"deleted":        {absent: true, refused: "ERR no such key"},
			"lost entries":   {newest: stream.ID{Ms: 1}},
			"trimmed":        {newest: stream.ID{Ms: 9}, added: 9, first: stream.ID{Ms: 9}, length: 1},
			"made anew":      {newest: stream.ID{Ms: 9}, added: 1, first: stream.ID{Ms: 9}, length: 1},
			"too large":      {newest: stream.ID{Ms: 9}, added: 2, first: stream.ID{Ms: 9}, length: 1, entries: []measured{large}},
			"let go":         {newest: stream.ID{Ms: 1}, added: 1, first: stream.ID{Ms: 1}, length: 1},
		} {
			t.Run(cause+" "+start, func(t *testing.T) {
				r := newRoom(t)
				r.kept = time.Hour
				r.stand(10)
				c := newChannel("c")
				c.state, c.exact, c.base, c.passed, c.dropped = behind, true, 1, 1, 1
				begin(c)
				want := stream.ID{}
				if c.last.Ms == 6 && c.last.Seq == 1 {
					want = c.last
				}
				r.channels.byName["c"] = c
				r.compareAll(answer)
				if len(r.gaps) == 0 {
					t.Fatal("no gap is told")
				}
				if got := r.gaps[0].After; got != want {
					t.Errorf("%q after %v, want %v", r.gaps[0].Cause, got, want)
				}
				for _, g := range r.gaps {
					if !g.After.IsZero() && !g.After.IsEntry() {
						t.Errorf("%q after %v, which is no entry", g.Cause, g.After)
					}
				}
			})
		}
	}
}
