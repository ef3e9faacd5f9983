package monitor

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// library is the client library's histogram with the buckets of h.
func library(h *Histogram) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "x", Buckets: h.classic, NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: shortest,
	})
}

// written is a metric as it is served, without the time at which it was made.
func written(t *testing.T, c prometheus.Collector) *dto.Histogram {
	t.Helper()
	ch := make(chan prometheus.Metric, 1)
	c.Collect(ch)
	var m dto.Metric
	if err := (<-ch).Write(&m); err != nil {
		t.Fatal(err)
	}
	m.Histogram.CreatedTimestamp = nil
	return m.GetHistogram()
}

// TestBucketsAreThoseOfTheClientLibrary: native and classic ones, for durations of all lengths, bounds among them.
func TestBucketsAreThoseOfTheClientLibrary(t *testing.T) {
	for _, h := range []*Histogram{
		newHistogram("x", "", 100*time.Nanosecond, 100*time.Millisecond), newHistogram("x", "", time.Microsecond, 100*time.Second),
	} {
		model := library(h)
		observe := func(d time.Duration) {
			h.Observe(d)
			model.Observe(inSeconds(d))
		}
		for _, bound := range h.cells {
			near := time.Duration(bound * float64(time.Second))
			for d := max(0, near-2); d <= near+2 && d < time.Hour; d++ {
				observe(d)
			}
		}
		for range 100_000 {
			observe(time.Duration(rand.Int64N(1 << rand.IntN(42))))
		}
		got, want := written(t, h), written(t, model)
		if difference := got.GetSampleSum()/want.GetSampleSum() - 1; difference > 1e-9 || difference < -1e-9 {
			t.Errorf("sum %v, want %v", got.GetSampleSum(), want.GetSampleSum())
		}
		got.SampleSum, want.SampleSum = nil, nil
		if d := cmp.Diff(want.String(), got.String()); d != "" {
			t.Error(d)
		}
	}
}

func TestAHistogramStartsWithAllItsBuckets(t *testing.T) {
	h := newHistogram("x", "", time.Millisecond, time.Second)
	if got := written(t, h); len(got.GetBucket()) != 10 || got.GetSampleCount() != 0 || got.GetZeroThreshold() == 0 {
		t.Error(got)
	}
}

func TestDurationsOutOfRangeAreCounted(t *testing.T) {
	h := newHistogram("x", "", time.Millisecond, time.Second)
	h.Observe(-time.Second)
	h.Observe(1000 * time.Hour)
	got := written(t, h)
	if got.GetSampleCount() != 2 || got.GetZeroCount() != 1 || got.GetBucket()[9].GetCumulativeCount() != 1 {
		t.Error(got)
	}
}

func TestQuantiles(t *testing.T) {
	h := newHistogram("x", "", time.Microsecond, time.Second)
	if got := h.Figures(); got.Quantile(0.5) != 0 || got.Mean() != 0 {
		t.Error("an empty histogram has quantiles:", got)
	}
	h.ObserveMany(0, 50)
	h.ObserveMany(time.Millisecond, 49)
	h.Observe(time.Second)
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 0, 0.51: time.Millisecond, 0.99: time.Millisecond, 1: time.Second} {
		if got := h.Figures().Quantile(q); got < want || got > want*110/100 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := h.Figures().Mean(); got != 10490*time.Microsecond {
		t.Error("mean", got)
	}
}

func BenchmarkObserve(b *testing.B) {
	h := newHistogram("x", "", time.Microsecond, time.Second)
	for d := time.Duration(0); b.Loop(); d += 7 {
		h.Observe(d)
	}
}

func BenchmarkObserveByTheLibrary(b *testing.B) {
	h := library(newHistogram("x", "", time.Microsecond, time.Second))
	for d := time.Duration(0); b.Loop(); d += 7 {
		h.Observe(inSeconds(d))
	}
}

func BenchmarkCollect(b *testing.B) {
	h := newHistogram("x", "", time.Microsecond, time.Second)
	for d := time.Microsecond; d < time.Second; d = d * 11 / 10 {
		h.Observe(d)
	}
	ch := make(chan prometheus.Metric, 1)
	for b.Loop() {
		h.Collect(ch)
		<-ch
	}
}
