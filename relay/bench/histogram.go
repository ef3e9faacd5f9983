//go:build linux

// Latencies, in little memory and mergeable over processes.

package main

import "math/bits"

// steps is how finely each power of two is divided: values are known to 1/128.
const steps = 128

// histogram counts nanoseconds. Its buckets are JSON on the way between
// processes.
type histogram struct {
	Buckets []uint64
}

func newHistogram() *histogram { return &histogram{make([]uint64, 64*steps)} }

// bucket returns where v is counted: exactly below 2 x steps, and to one part
// in steps above.
func bucket(v int64) int {
	v = max(v, 0)
	shift := max(0, bits.Len64(uint64(v))-bits.Len64(steps))
	return shift*steps + int(v>>shift)
}

// lowest is the smallest value that is counted in bucket i.
func lowest(i int) float64 {
	shift := max(0, i/steps-1)
	return float64(uint64(i-shift*steps) << shift)
}

func (h *histogram) add(ns int64) { h.Buckets[bucket(ns)]++ }

func (h *histogram) merge(other *histogram) {
	for i, n := range other.Buckets {
		h.Buckets[i] += n
	}
}

// merged is all values of some histograms.
func merged(some []*histogram) *histogram {
	all := newHistogram()
	for _, h := range some {
		all.merge(h)
	}
	return all
}

// quantile returns the value below which the share q of all values lies, in
// nanoseconds: 1 for the largest; 0 without any.
func (h *histogram) quantile(q float64) float64 {
	total := h.total()
	rank := min(uint64(q*float64(total)), max(total, 1)-1)
	seen := uint64(0)
	for i, n := range h.Buckets {
		if seen += n; seen > rank {
			return lowest(i)
		}
	}
	return 0
}

// total is how many values were added.
func (h *histogram) total() (n uint64) {
	for _, b := range h.Buckets {
		n += b
	}
	return n
}
