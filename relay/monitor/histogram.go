package monitor

// Histograms of durations, native and classic in one.

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// The native buckets: eight for each power of two, so that each is 9 % wider than the one before.
const (
	nativeSchema = 3
	perOctave    = 1 << nativeSchema
	firstOctave  = -27 // nothing shorter than 2^-27 s = 7.5 ns is told apart
	lastOctave   = 12  // nothing longer than 2^12 s = 68 minutes is
	shortest     = 1.0 / (1 << -firstOctave)
)

// Histogram counts durations. Anybody may call its methods, at any time.
//
// To observe costs two atomic additions. The client library's own histogram costs four times as much once it has
// native buckets; the event loop observes too often for that.
type Histogram struct {
	// Fixed after construction.
	name    string
	desc    *prometheus.Desc
	created time.Time
	classic []float64 // upper bounds in seconds, ascending
	cells   []float64 // upper bounds in seconds, ascending: those of native and classic buckets together
	first   []int     // the first cell of each native bucket

	counts []atomic.Uint64 // by cell; the first one is for what is too short
	sum    atomic.Uint64   // nanoseconds
}

// newHistogram returns a histogram that is not registered. Its classic buckets reach from one power of ten to another,
// in steps of 1, 2.5 and 5.
func newHistogram(name, help string, from, to time.Duration) *Histogram {
	h := &Histogram{
		name:    name,
		desc:    prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, nil, nil),
		created: time.Now(),
		cells:   []float64{shortest},
		first:   make([]int, natives+1),
	}
	for ; from < to; from *= 10 {
		h.classic = append(h.classic, inSeconds(from), inSeconds(from*5/2), inSeconds(from*5))
	}
	h.classic = append(h.classic, inSeconds(to))
	h.cells = append(h.cells, h.classic...)
	for n := 1; n <= natives; n++ {
		h.cells = append(h.cells, upper(n))
	}
	slices.Sort(h.cells)
	h.cells = slices.Compact(h.cells)
	for n := 1; n <= natives; n++ {
		below, _ := slices.BinarySearch(h.cells, upper(n-1))
		h.first[n] = below + 1
	}
	h.counts = make([]atomic.Uint64, len(h.cells))
	return h
}

// inSeconds is the nearest number to d. That of a decimal is the one that is written so.
func inSeconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }

// natives is the number of native buckets. They are numbered from 1; 0 is what is too short to be told apart.
const natives = (lastOctave - firstOctave) * perOctave

// octave has the upper bounds of the native buckets of one power of two, as fractions of a float64; and behind them the
// largest one.
var octave = func() (fractions [perOctave + 1]uint64) {
	for i := range perOctave {
		fractions[i] = math.Float64bits(math.Exp2(float64(i)/perOctave)) & maxFraction
	}
	fractions[perOctave] = maxFraction
	return fractions
}()

const (
	fractionBits = 52
	maxFraction  = 1<<fractionBits - 1
	slotBits     = 6 // a slot is narrower than a native bucket
)

// slots has the first native bucket of an octave that reaches into each slot, a range of fractions.
var slots = func() (first [1 << slotBits]uint8) {
	for i := range first {
		for octave[first[i]] < uint64(i)<<(fractionBits-slotBits) {
			first[i]++
		}
	}
	return first
}()

// upper returns the upper bound of a native bucket, in seconds.
func upper(native int) float64 {
	return math.Float64frombits(uint64(1023+firstOctave+native/perOctave)<<fractionBits | octave[native%perOctave])
}

// nativeOf returns the native bucket of a number of seconds.
func nativeOf(seconds float64) int {
	if seconds <= shortest {
		return 0
	}
	bits := math.Float64bits(seconds)
	exponent, fraction := int(bits>>fractionBits)-1023, bits&maxFraction
	n := int(slots[fraction>>(fractionBits-slotBits)])
	if fraction > octave[n] {
		n++
	}
	return min((exponent-firstOctave)*perOctave+n, natives)
}

// Observe counts one duration. A negative one counts as 0.
func (h *Histogram) Observe(d time.Duration) { h.ObserveMany(d, 1) }

// ObserveMany counts the same duration several times.
func (h *Histogram) ObserveMany(d time.Duration, times uint64) {
	d = max(d, 0)
	seconds := inSeconds(d)
	cell := h.first[nativeOf(seconds)]
	for cell < len(h.cells)-1 && seconds > h.cells[cell] { // at most once or twice
		cell++
	}
	h.counts[cell].Add(times)
	h.sum.Add(uint64(d) * times)
}

// Figures are what a Histogram has counted up to a moment.
type Figures struct {
	Count uint64
	Sum   time.Duration

	cells  []float64
	counts []uint64
}

// Figures returns what was counted so far.
func (h *Histogram) Figures() Figures {
	f := Figures{cells: h.cells, counts: make([]uint64, len(h.cells)), Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		f.counts[i] = h.counts[i].Load()
		f.Count += f.counts[i]
	}
	return f
}

// Quantile returns the duration that a share of all durations does not exceed, up to 9 % too long; 0 if nothing was
// counted. q is between 0 and 1.
func (f Figures) Quantile(q float64) time.Duration {
	rank, seen := uint64(math.Ceil(q*float64(f.Count))), uint64(0)
	for i, n := range f.counts {
		if seen += n; seen >= rank && seen > 0 {
			if i == 0 {
				return 0
			}
			return time.Duration(f.cells[i] * float64(time.Second))
		}
	}
	return 0
}

// Mean returns the mean duration; 0 if nothing was counted.
func (f Figures) Mean() time.Duration {
	return f.Sum / time.Duration(max(f.Count, 1)) //nolint:gosec // 292 years of one a nanosecond
}

// Describe implements prometheus.Collector.
func (h *Histogram) Describe(ch chan<- *prometheus.Desc) { ch <- h.desc }

// Collect implements prometheus.Collector.
func (h *Histogram) Collect(ch chan<- prometheus.Metric) {
	f := h.Figures()
	sum := f.Sum.Seconds()
	ch <- bothKinds{
		prometheus.MustNewConstNativeHistogram(h.desc, f.Count, sum, f.native(), nil, f.counts[0],
			nativeSchema, shortest, h.created),
		prometheus.MustNewConstHistogram(h.desc, f.Count, sum, f.classic(h.classic)),
	}
}

// native returns the native buckets as Prometheus numbers them.
func (f Figures) native() map[int]int64 {
	buckets := map[int]int64{}
	for i, n := range f.counts {
		if i > 0 && n > 0 {
			buckets[nativeOf(f.cells[i])+firstOctave*perOctave] += int64(n) //nolint:gosec // 292 years of one a nanosecond
		}
	}
	return buckets
}

// classic returns the classic buckets: what is up to each bound.
func (f Figures) classic(bounds []float64) map[float64]uint64 {
	buckets, sum, cell := map[float64]uint64{}, uint64(0), 0
	for _, bound := range bounds {
		for ; cell < len(f.cells) && f.cells[cell] <= bound; cell++ {
			sum += f.counts[cell]
		}
		buckets[bound] = sum
	}
	return buckets
}

// bothKinds is a native histogram that has classic buckets, too.
type bothKinds struct {
	prometheus.Metric // the native one

	classic prometheus.Metric
}

// Write implements prometheus.Metric.
func (b bothKinds) Write(out *dto.Metric) error {
	var classic dto.Metric
	if err := b.classic.Write(&classic); err != nil {
		return err
	}
	if err := b.Metric.Write(out); err != nil {
		return err
	}
	out.Histogram.Bucket = classic.GetHistogram().GetBucket()
	return nil
}
