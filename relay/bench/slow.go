//go:build linux

// A stuck reader: what it costs the others.

package main

import (
	"fmt"
	"slices"
	"syscall"
)

const (
	slowSubscribers = 64
	slowRate        = 1000 // messages/s
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
			fmt.Sprintf("What the readers that run get of messages of %d B: latency in microseconds at %d messages/s,",
				smallPayload, slowRate),
			fmt.Sprintf("then as many deliveries, of the %d others, as they take. First all of them run, then one process is",
				slowSubscribers-1),
			"halted by SIGSTOP. What waits for it during latency is less than its queue holds; during throughput it is",
			"disconnected. p999 and worst are of all rounds together. " + aboutSpread,
		},
		keys:    []string{"variant", "readers"},
		columns: append(slices.Clone(quantileColumns), "deliveries/s", "x all run"),
	}
	others := slowSubscribers - 1
	sizes := append(split(others, workersFor(others)), 1) // the last is to be halted
	v, err := l.newVenue(sizes, interest{channels: 1}, apps)
	if err != nil {
		return nil, err
	}
	defer v.close()
	l.progress("a stuck reader: all run")
	before, err := v.pulses()
	if err != nil {
		return nil, err
	}
	for _, x := range v.variants { // some share a crowd
		if err := x.crowd.workers[len(sizes)-1].halt(); err != nil {
			return nil, err
		}
	}
	l.progress("a stuck reader: one is stuck")
	after, err := v.pulses()
	if err != nil {
		return nil, err
	}
	for _, x := range v.variants {
		t.add([]any{x.name, "all run"}, before[x.name].figures(before[x.name])...)
		t.add([]any{x.name, "one is stuck"}, after[x.name].figures(before[x.name])...)
	}
	return []*table{t}, nil
}

// pulses measures each variant's crowd.
func (v *venue) pulses() (map[string]*pulse, error) {
	all := map[string]*pulse{}
	err := v.turns(v.lab.rounds, func(x *variant, keep bool) error {
		h, err := v.pace(x, slowRate, v.lab.paced)
		if !keep {
			all[x.name] = &pulse{}
			return err
		}
		all[x.name].latencies = append(all[x.name].latencies, h)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, v.turns(v.lab.rounds, func(x *variant, keep bool) error {
		r, err := v.flood(x, smallPayload, roundFor(slowSubscribers, frameSize(smallPayload)), keep)
		if keep {
			all[x.name].deliveries = append(all[x.name].deliveries, r.messages*float64(slowSubscribers-1))
		}
		return err
	})
}

func (p *pulse) figures(before *pulse) []figure {
	n := len(p.deliveries)
	return append(quantiles(p.latencies),
		over(n, func(i int) float64 { return p.deliveries[i] }, count),
		over(n, func(i int) float64 { return p.deliveries[i] / before.deliveries[i] }, ratio))
}

// halt stops a process by SIGSTOP. It takes no more orders.
func (p *process) halt() error {
	p.stopped.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("halt a %s: %w", p.name, err)
	}
	return nil
}
