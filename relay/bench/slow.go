//go:build linux

// A stuck reader that is given up: what the others take meanwhile.

package main

import (
	"fmt"
	"syscall"
)

const slowSubscribers = 64

// slow halts one subscriber of each crowd and measures the others before and
// after.
func slow(l *lab) ([]*table, error) {
	t := &table{
		title: fmt.Sprintf("A stuck reader, one of %d", slowSubscribers),
		notes: []string{
			fmt.Sprintf("Deliveries of %d B to the %d others, as many as they take: first all run, then one process is halted",
				smallPayload, slowSubscribers-1),
			"by SIGSTOP. Its queue overflows, and it is disconnected. " + aboutSpread,
		},
		keys:    []string{"variant", "readers"},
		columns: []string{"deliveries/s", "x all run"},
	}
	others := slowSubscribers - 1
	sizes := append(split(others, workersFor(others)), 1) // the last is to be halted
	v, err := l.newVenue(l.redises[:1], sizes, interest{channels: 1}, apps)
	if err != nil {
		return nil, err
	}
	defer v.close()
	l.progress("a stuck reader: all run")
	before, err := v.deliveries(others)
	if err != nil {
		return nil, err
	}
	for _, x := range v.variants { // some share a crowd
		if err := x.crowd.workers[len(sizes)-1].halt(); err != nil {
			return nil, err
		}
	}
	l.progress("a stuck reader: one is stuck")
	after, err := v.deliveries(others)
	if err != nil {
		return nil, err
	}
	for _, x := range v.variants {
		t.addOn(x.redis, []any{x.name, "all run"}, deliveryFigures(before[x], before[x])...)
		t.addOn(x.redis, []any{x.name, "one is stuck"}, deliveryFigures(after[x], before[x])...)
	}
	return []*table{t}, nil
}

// deliveries measures each variant's deliveries/s to so many readers: a value per round.
func (v *venue) deliveries(readers int) (map[*variant][]float64, error) {
	rounds, err := v.floods(smallPayload, roundFor(slowSubscribers, frameSize(smallPayload)))
	all := map[*variant][]float64{}
	for x, mine := range rounds {
		for _, r := range mine {
			all[x] = append(all[x], r.messages*float64(readers))
		}
	}
	return all, err
}

func deliveryFigures(mine, before []float64) []figure {
	return []figure{
		over(len(mine), func(i int) float64 { return mine[i] }, count),
		over(len(mine), func(i int) float64 { return mine[i] / before[i] }, ratio),
	}
}

// halt stops a process by SIGSTOP. It takes no more orders.
func (p *process) halt() error {
	p.stopped.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("halt a %s: %w", p.name, err)
	}
	return nil
}
