//go:build linux

// Latency: from just before a message is published until just after it is read.

package main

import "slices"

const latencyTitle = "Latency, publish to receive"

func latency(l *lab) ([]*table, error) {
	t := &table{
		title: latencyTitle,
		notes: []string{
			"Open loop: messages of 124 B go out by the clock, and are stamped when they do. Microseconds; the columns",
			"with + are over hop. p999 and worst are of all rounds together. " + aboutSpread,
		},
		keys:    []string{"subscribers", "messages/s", "variant"},
		columns: append(slices.Clone(quantileColumns), "p50 +", "p99 +"),
	}
	for _, n := range []int{1, 16} {
		if err := l.latenciesFor(t, n, 1000, l.redises); err != nil {
			return nil, err
		}
		if err := l.latenciesFor(t, n, 20000, l.redises[:1]); err != nil {
			return nil, err
		}
	}
	return []*table{t}, nil
}

func (l *lab) latenciesFor(t *table, n, rate int, redises []*redisServer) error {
	v, err := l.newVenue(redises, split(n, workersFor(n)), interest{channels: 1}, []way{direct, validated, hopWay})
	if err != nil {
		return err
	}
	defer v.close()
	return v.latencies(t, n, rate, hopWay)
}

// latencies adds a row for each variant; the columns with + are over the way base.
func (v *venue) latencies(t *table, subscribers, rate int, base way) error {
	v.lab.progress("latency: %d subscribers, %d messages/s", subscribers, rate)
	// Many rounds that are short: what disturbs the machine spoils few of them.
	const parts = 2
	rounds := map[*variant][]*histogram{}
	err := v.turns(parts*v.lab.rounds, func(x *variant, keep bool) error {
		h, err := v.pace(x, rate, v.lab.paced/parts)
		if keep {
			rounds[x] = append(rounds[x], h)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, x := range v.variants {
		mine, least := rounds[x], rounds[v.beside(x, base)]
		beyond := func(q float64) figure {
			return over(len(mine), func(i int) float64 { return mine[i].quantile(q) - least[i].quantile(q) }, added)
		}
		t.addOn(x.redis, []any{subscribers, rate, x.name}, append(quantiles(mine), beyond(.5), beyond(.99))...)
	}
	return nil
}

var quantileColumns = []string{"p50", "p99", "p999", "worst"}

// quantiles are the cells of quantileColumns: p50 and p99 of the rounds, p999 and
// the longest of all of them together.
func quantiles(rounds []*histogram) []figure {
	all := merged(rounds)
	of := func(q float64) figure {
		return over(len(rounds), func(i int) float64 { return rounds[i].quantile(q) }, micros)
	}
	return []figure{of(.5), of(.99), exactly(all.quantile(.999), micros), exactly(all.quantile(1), micros)}
}
