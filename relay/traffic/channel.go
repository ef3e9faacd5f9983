package traffic

// What readers are shown.

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Channel is a snapshot of the figures of one channel, or of all channels together. It holds no reference to the
// Table, and may be passed on.
type Channel struct {
	Name    string // cut to MaxName bytes; empty: all channels together
	Length  int    // bytes of the whole name
	Since   time.Time
	Count   Figures // since then
	Rate    Figures // per second, over some 3 s
	Usual   Figures // per second; the past counts half as much every five minutes
	Mean    float64 // bytes of a payload, on average; 0: there were no messages
	Largest int     // bytes of the largest payload

	// Minute holds the messages of each second of the last minute, in or out, whichever is more; the oldest first.
	Minute [Minute]uint32

	Publisher Publisher // the last one on this host
	Published time.Time // when, to the second; zero: nobody on this host
}

// IsCut reports whether Name is only the beginning of the name.
func (c *Channel) IsCut() bool { return c.Length > len(c.Name) }

// Top returns the n heaviest channels of a dimension, the heaviest first: by the rate now, or by the average over some
// 90 s if that is more, so that what was heavy a moment ago is not lost from sight. Channels without anything in that
// dimension are left out. The figures are those of the last tick.
func (t *Table) Top(by Dimension, n int) []Channel {
	var list []place
	for i, key := range t.keys {
		if score := t.records[i].score(by); key != 0 && score > 1e-3 {
			list = append(list, place{i, score})
		}
	}
	list = heaviest(list, n)
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(b.score, a.score), slices.Compare(t.records[a.at].name, t.records[b.at].name))
	})
	top := make([]Channel, len(list))
	for i, p := range list {
		top[i] = t.show(&t.records[p.at])
	}
	return top
}

// place is a channel in a list of the heaviest.
type place struct {
	at    int // in Table.records
	score float64
}

// heaviest returns the n places of a list with the highest scores, in no order.
func heaviest(list []place, n int) []place {
	if n = max(0, n); len(list) <= n {
		return list
	}
	scores := make([]float64, len(list))
	for i, p := range list {
		scores[i] = p.score
	}
	bar := smallest(scores, len(list)-n-1) // the highest score that is not among the n
	above := make([]place, 0, n)
	for _, p := range list {
		if p.score > bar {
			above = append(above, p)
		}
	}
	for _, p := range list { // of those that are equal, the first ones
		if p.score == bar && len(above) < n {
			above = append(above, p)
		}
	}
	return above
}

// Total returns the figures of all channels together, those that were forgotten among them.
func (t *Table) Total() Channel { return t.show(&t.total) }

// Find returns the figures of a channel, if it is in the table. They are those of the last tick.
func (t *Table) Find(channel []byte) (c Channel, ok bool) {
	at, ok := t.index.look(t.hash(channel))
	if !ok {
		return Channel{}, false
	}
	return t.show(&t.records[at]), true
}

// score is by how much a channel is heavy in a dimension, per second.
func (r *record) score(by Dimension) float64 {
	return max(r.now[by], r.recent[by]*math.Ln2/fadeHalf)
}

func (t *Table) show(r *record) Channel {
	c := Channel{
		Name: string(r.name), Length: r.length, Since: r.since, Count: r.count, Rate: r.now, Largest: int(r.largest),
		Publisher: r.publisher, Published: r.published,
	}
	for d := range c.Usual {
		c.Usual[d] = t.clock.usual(r.learned[d])
	}
	if messages := r.count[InMessages] + r.count[OutMessages]; messages > 0 {
		c.Mean = (r.count[InBytes] + r.count[OutBytes]) / messages
	}
	for i := range c.Minute {
		c.Minute[i] = r.minute[(t.clock.slot+1+i)%Minute]
	}
	return c
}
