//go:build linux

// History: what it costs that a message is persisted before anybody hears it.

package main

import "fmt"

const historyTitle = "History"

// history has one local process publish as fast as the listeners of the same relay
// take it, on a plain channel and on one with history.
func history(l *lab) ([]*table, error) {
	t := &table{
		title: historyTitle,
		notes: []string{
			fmt.Sprintf("Messages of %d B that a local process publishes through the relay without waiting for replies, and its",
				smallPayload),
			"listeners receive. Both variants are validated; kept is on a route with history: 1000 messages, an hour.",
			"CPU is seconds per million messages; x compares with the plain channel. " + aboutSpread,
		},
		keys:    []string{"subscribers", "variant"},
		columns: []string{"messages/s", "deliveries/s", "x plain", "CPU Redis", "x CPU Redis", "CPU relay", "x CPU relay"},
	}
	for _, n := range []int{1, 16} {
		l.progress("history: %d subscribers", n)
		if err := historyFor(l, t, n); err != nil {
			return nil, err
		}
	}
	return []*table{t}, nil
}

func historyFor(l *lab, t *table, n int) error {
	v, err := l.newVenue(l.redises, split(n, workersFor(n)), interest{channels: 1}, []way{validated, kept})
	if err != nil {
		return err
	}
	defer v.close()
	rounds, err := v.floodLocally(n)
	if err != nil {
		return err
	}
	for _, x := range v.variants {
		plain := rounds[v.beside(x, validated)]
		t.addOn(x.redis, []any{n, x.name}, historyFigures(rounds[x], plain, float64(n))...)
	}
	return nil
}

// floodLocally has a local process publish at each door, as fast as n listeners take it.
func (v *venue) floodLocally(n int) (map[*variant][]throughput, error) {
	local := map[*stage]bool{}
	for _, x := range v.variants {
		if local[x.stage] {
			continue
		}
		var err error
		if x.source, err = v.worker(setup{Role: rolePublisher, Connect: x.socket}); err != nil {
			return nil, err
		}
		local[x.stage] = true
	}
	return v.floods(smallPayload, roundFor(n, frameSize(smallPayload)))
}

func historyFigures(mine, plain []throughput, listeners float64) []figure {
	each := func(f func(i int) float64, in format) figure { return over(len(mine), f, in) }
	return []figure{
		each(func(i int) float64 { return mine[i].messages }, count).plain(),
		each(func(i int) float64 { return mine[i].messages * listeners }, count).plain(),
		each(func(i int) float64 { return mine[i].messages / plain[i].messages }, ratio),
		each(func(i int) float64 { return mine[i].redis }, perMillion).plain(),
		each(func(i int) float64 { return mine[i].redis / plain[i].redis }, ratio),
		each(func(i int) float64 { return mine[i].server }, perMillion).plain(),
		each(func(i int) float64 { return mine[i].server / plain[i].server }, ratio),
	}
}
