//go:build linux

// Latency: from just before a message is published until just after it is read.

package main

import "fmt"

func latency(l *lab) ([]*table, error) {
	t := &table{
		title: "Latency, publish to receive",
		notes: []string{
			"Open loop: messages of 124 B go out by the clock, and are stamped when they do. Microseconds; the columns",
			"with + are over hop. p50 and p99 are medians of the rounds, p999 is of all rounds together.",
		},
		columns: []string{"subscribers", "messages/s", "variant", "p50", "p99", "p999", "p50 +", "p99 +"},
	}
	for _, n := range []int{1, 16} {
		v, err := l.newVenue(split(n, workersFor(n)), interest{channels: 1}, wants{hop: true})
		if err != nil {
			return nil, err
		}
		for _, rate := range []int{1000, 20000} {
			if err := v.latencies(t, n, rate); err != nil {
				v.close()
				return nil, err
			}
		}
		v.close()
	}
	return []*table{t}, nil
}

func (v *venue) latencies(t *table, subscribers, rate int) error {
	v.lab.progress("latency: %d subscribers, %d messages/s", subscribers, rate)
	rounds := make(map[string][]*histogram, len(v.variants))
	err := v.turns(func(_ int, x *variant, keep bool) error {
		h, err := v.pace(x, len(x.crowd.workers), rate, v.lab.paced)
		if keep {
			rounds[x.name] = append(rounds[x.name], h)
		}
		return err
	})
	if err != nil {
		return err
	}
	hop := rounds["hop"]
	for _, x := range v.variants {
		mine := rounds[x.name]
		over := func(q float64) string {
			return fmt.Sprintf("%+.1f", middle(len(mine), func(i int) float64 {
				return (mine[i].quantile(q) - hop[i].quantile(q)) / 1e3
			}))
		}
		t.add(append(append([]string{fmt.Sprint(subscribers), fmt.Sprint(rate), x.name}, quantiles(mine)...),
			over(.5), over(.99))...)
	}
	return nil
}

// quantiles words p50 and p99, each the median of the rounds, and p999 of all
// rounds together.
func quantiles(rounds []*histogram) []string {
	all := newHistogram()
	for _, h := range rounds {
		all.merge(h)
	}
	of := func(q float64) string {
		return micros(middle(len(rounds), func(i int) float64 { return rounds[i].quantile(q) }))
	}
	return []string{of(.5), of(.99), micros(all.quantile(.999))}
}
