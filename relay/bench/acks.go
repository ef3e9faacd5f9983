//go:build linux

// Flow control: how many rounds of messages all subscribers have received.

package main

import "fmt"

// window is how many rounds may be on their way at once.
const window = 2

// acks reads what subscribers acknowledge: one byte per round and worker, which
// is the worker's index.
type acks struct {
	fd     int
	rounds []int // acknowledged, by worker
	sent   int
	buf    [512]byte
}

// newAcks waits for workers with the indexes below n.
func newAcks(fd, n int) *acks { return &acks{fd: fd, rounds: make([]int, n)} }

// send notes that a round is about to be sent, and waits until it may be.
func (a *acks) send() error {
	a.sent++
	return a.until(a.sent - window)
}

// drain waits until everything that was sent is received.
func (a *acks) drain() error { return a.until(a.sent) }

func (a *acks) until(rounds int) error {
	for a.slowest() < rounds {
		n, err := read(a.fd, a.buf[:])
		if err != nil {
			return fmt.Errorf("wait for subscribers: %w", err)
		}
		for _, worker := range a.buf[:n] {
			if int(worker) < len(a.rounds) {
				a.rounds[worker]++
			}
		}
	}
	return nil
}

func (a *acks) slowest() int {
	least := a.sent
	for _, n := range a.rounds {
		least = min(least, n)
	}
	return least
}

// tally finds out when all connections of one worker have received a round. They
// are never more than window rounds apart.
type tally struct {
	conns   int
	missing [window]int
}

func newTally(conns int) tally {
	t := tally{conns: conns}
	for i := range t.missing {
		t.missing[i] = conns
	}
	return t
}

// received says that one more connection has all of a round, and reports whether
// it was the last.
func (t *tally) received(round int) bool {
	left := &t.missing[round%window]
	if *left--; *left > 0 {
		return false
	}
	*left = t.conns
	return true
}
