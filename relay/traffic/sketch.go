package traffic

// The sketch: which channels stay when the table is full.

import "math"

// fadeHalf is the half-life of weights in seconds.
const fadeHalf = 60

// units returns the share of one message or byte in each dimension, by the totals up to now. The totals of the first
// minute are scaled to those of a minute, so that early messages do not weigh more.
func (t *Table) units(since *Figures) (unit Figures) {
	scale := 1 - math.Exp2(-(t.clock.age+1)/fadeHalf)
	for d := range unit {
		if total := t.faded[d] + since[d]; total > 0 {
			unit[d] = scale / total
		}
	}
	return unit
}

// sinceTick returns the counts of all channels since the last tick.
func (t *Table) sinceTick() Figures {
	sum := t.gone
	for i := range t.pending {
		t.pending[i].addTo(&sum)
	}
	return sum
}

// purge subtracts the median weight from all channels, and forgets those at or below zero. The table must be full.
func (t *Table) purge() {
	since := t.sinceTick()
	unit := t.units(&since)
	weights := t.scratch[0][:0]
	for i := range t.pending {
		weights = append(weights, t.weights[i]+t.pending[i].share(&unit))
	}
	t.scratch = [...][]float64{weights, append(t.scratch[1][:0], weights...)}
	middle := smallest(t.scratch[1], Capacity/2)
	t.missed += middle
	t.index.clear()
	for i, key := range t.keys {
		if weights[i] <= middle {
			t.forget(i)
			continue
		}
		t.weights[i] -= middle
		t.index.enter(key, i)
	}
}

// forget frees the place of a channel that is not in the index.
func (t *Table) forget(at int) {
	t.pending[at].addTo(&t.gone)
	t.keys[at], t.pending[at], t.weights[at] = 0, pending{}, 0
	t.free = append(t.free, uint16(at))
}

// smallest returns the number that would be at place k if the list were sorted, and reorders the list (Hoare's
// selection).
func smallest(list []float64, k int) float64 {
	for low, high := 0, len(list)-1; low < high; {
		pivot := list[(low+high)/2]
		i, j := low, high
		for i <= j {
			for list[i] < pivot {
				i++
			}
			for list[j] > pivot {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return list[k]
		}
	}
	return list[k]
}
