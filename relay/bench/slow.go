//go:build linux

// A stuck reader: what it costs the others.

package main

import (
	"fmt"
	"syscall"
)

const (
	slowSubscribers = 64
	slowRate        = 1000 // messages/s
	slowPayload     = 124  // bytes
)

// pulse is how the readers of one variant did in one state: a value per round.
type pulse struct {
	latencies  []*histogram
	deliveries []float64 // per second
}

// slow stops one subscriber of each crowd and measures the others before and
// after.
func slow(l *lab) ([]*table, error) {
	t := &table{
		title: fmt.Sprintf("A stuck reader, one of %d", slowSubscribers),
		notes: []string{
			fmt.Sprintf("What the other readers get of messages of %d B: latency in microseconds at %d messages/s, then as many",
				slowPayload, slowRate),
			"deliveries as they take; first with all of them running, then with one process halted by SIGSTOP. What waits",
			"for it during latency is less than its queue holds; during throughput it is disconnected.",
		},
		columns: []string{"variant", "readers", "p50", "p99", "p999", "deliveries/s", "x all run"},
	}
	others := slowSubscribers - 1
	sizes := append(split(others, workersFor(others)), 1) // the last is to be halted
	v, err := l.newVenue(sizes, interest{channels: 1}, wants{})
	if err != nil {
		return nil, err
	}
	defer v.close()
	last := len(sizes) - 1
	l.progress("a stuck reader: all run")
	before, err := v.pulses(last)
	if err != nil {
		return nil, err
	}
	for _, x := range v.variants { // some share a crowd
		if err := x.crowd.workers[last].halt(); err != nil {
			return nil, err
		}
	}
	l.progress("a stuck reader: one is stuck")
	after, err := v.pulses(last)
	if err != nil {
		return nil, err
	}
	for i, x := range v.variants {
		t.add(before[i].row(x.name, "all run", before[i])...)
		t.add(after[i].row(x.name, "one is stuck", before[i])...)
	}
	return []*table{t}, nil
}

// pulses measures the first n workers of each variant's crowd.
func (v *venue) pulses(n int) ([]pulse, error) {
	all := make([]pulse, len(v.variants))
	err := v.turns(func(i int, x *variant, keep bool) error {
		h, err := v.pace(x, n, slowRate, v.lab.paced)
		if keep {
			all[i].latencies = append(all[i].latencies, h)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, v.turns(func(i int, x *variant, keep bool) error {
		r, err := v.flood(x, n, slowPayload, roundFor(slowSubscribers, frameSize(slowPayload)), v.lab.burst)
		if keep {
			all[i].deliveries = append(all[i].deliveries, r.messages*float64(slowSubscribers-1))
		}
		return err
	})
}

func (p pulse) row(variant, state string, before pulse) []string {
	return append(append([]string{variant, state}, quantiles(p.latencies)...),
		count(middle(len(p.deliveries), func(i int) float64 { return p.deliveries[i] })),
		ratio(middle(len(p.deliveries), func(i int) float64 { return p.deliveries[i] / before.deliveries[i] })))
}

// halt stops a process by SIGSTOP. It takes no more orders.
func (p *process) halt() error {
	p.stopped.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("halt a %s: %w", p.name, err)
	}
	return nil
}
