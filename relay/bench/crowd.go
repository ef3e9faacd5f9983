//go:build linux

// Crowds of subscribers: who listens to what, and whether all of it came.

package main

import (
	"errors"
	"fmt"
	"strings"
)

// How subscribers share processes.
const (
	perWorker  = 64 // connections of one process
	minWorkers = 4
)

// spreadChannels is over how many channels messages are spread, where they are.
const spreadChannels = 1000

// crowd is a number of subscribers.
type crowd struct {
	workers []*worker
	share   int // each expects messages on 1/share of its channels
}

// workersFor is how many processes hold n subscribers.
func workersFor(n int) int { return max(min(n, minWorkers), (n+perWorker-1)/perWorker) }

// split deals n subscribers out to processes.
func split(n, workers int) []int {
	sizes := make([]int, workers)
	for i := range n {
		sizes[i%workers]++
	}
	return sizes
}

// newCrowd connects subscribers to a socket, in processes of the sizes given.
// interest gives the channels of each subscriber under a prefix; each listens to
// them under all prefixes.
func (l *lab) newCrowd(socket string, sizes []int, interest interest, prefixes ...string) (*crowd, error) {
	c := &crowd{share: len(prefixes)}
	first := 0
	for _, size := range sizes {
		s := setup{Role: roleSubscriber, Connect: socket, Index: len(c.workers)}
		for i := first; i < first+size; i++ {
			s.Interest = append(s.Interest, interest.of(i, prefixes))
		}
		w, err := l.worker(s)
		if err != nil {
			c.stop()
			return nil, err
		}
		c.workers, first = append(c.workers, w), first+size
	}
	return c, nil
}

func (c *crowd) stop() {
	if c == nil {
		return
	}
	for _, w := range c.workers {
		w.stop()
	}
}

// interest says who listens to what: subscriber i to channels i, i+step, ...
// below channels. Step 0: everybody listens to all channels.
type interest struct{ channels, step int }

func (in interest) of(subscriber int, prefixes []string) (names []string) {
	first, step := subscriber, in.step
	if step == 0 {
		first, step = 0, 1
	}
	for _, p := range prefixes {
		for i := first; i < in.channels; i += step {
			names = append(names, channel(p, i))
		}
	}
	return names
}

// awake are the workers that take orders: who is halted is last.
func (c *crowd) awake() []*worker {
	for i, w := range c.workers {
		if w.stopped.Load() {
			return c.workers[:i]
		}
	}
	return c.workers
}

// expect prepares all workers.
func (c *crowd) expect(e expectation) error {
	for _, w := range c.awake() {
		if _, err := w.order(order{Expect: &e}); err != nil {
			return err
		}
	}
	return nil
}

// why says who has lost how much, when err is that a publisher has waited too
// long for them.
func (c *crowd) why(err error) error {
	if !errors.Is(err, errSilent) {
		return err
	}
	var all []progress
	for _, w := range c.awake() {
		r, reportErr := w.order(order{Report: true})
		if reportErr != nil {
			return errors.Join(err, reportErr)
		}
		all = append(all, r.Progress...)
	}
	return fmt.Errorf("%w; %s", err, losses(all))
}

// losses words what subscribers have lost. A round that one of them has begun was
// sent to all.
func losses(all []progress) string {
	const shown = 8 // subscribers
	sent := 0
	for _, p := range all {
		if p.Round > 0 {
			sent = max(sent, (p.Received+p.Round-1)/p.Round)
		}
	}
	total, who := 0, []string{}
	for i, p := range all {
		if lost := sent*p.Round - p.Received; lost > 0 {
			total += lost
			who = append(who, fmt.Sprintf("subscriber %d lost %d of %d", i, lost, sent*p.Round))
		}
	}
	more := ""
	if len(who) > shown {
		more = fmt.Sprintf(" and %d others", len(who)-shown)
	}
	return fmt.Sprintf("%d messages were lost: %s%s", total, strings.Join(who[:min(shown, len(who))], ", "), more)
}
