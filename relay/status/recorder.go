package status

// The last ten minutes, second by second.

import (
	"slices"
	"sync"
	"time"
)

// Reading is what the relay has counted since its start, and how it is, at one moment.
type Reading struct {
	At     time.Time
	Up     bool
	Lag    *float64        // seconds; nil: not known
	Total  Flow            // of all routes
	Routes map[string]Flow // by name
}

// Recorder makes rates of readings. The zero value has none.
type Recorder struct {
	mu      sync.Mutex // guards what follows
	last    Reading
	rates   map[string]Flow
	seconds []Second // oldest first
}

// Record takes a reading, which should come every second.
func (r *Recorder) Record(now Reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	r.last = now
	took := now.At.Sub(last.At).Seconds()
	if last.At.IsZero() || took <= 0 {
		return
	}
	r.rates = make(map[string]Flow, len(now.Routes))
	for name, total := range now.Routes {
		r.rates[name] = total.since(last.Routes[name], took)
	}
	if len(r.seconds) == MaxSeconds {
		r.seconds = slices.Delete(r.seconds, 0, 1)
	}
	r.seconds = append(r.seconds, Second{
		At: now.At.Unix(), Up: now.Up, Lag: now.Lag, Rate: now.Total.since(last.Total, took),
	})
}

// Total returns what was counted by the last reading, and the rate of the second before it.
func (r *Recorder) Total() (total, rate Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.seconds); n > 0 {
		rate = r.seconds[n-1].Rate
	}
	return r.last.Total, rate
}

// Route is Total for one route.
func (r *Recorder) Route(name string) (total, rate Flow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last.Routes[name], r.rates[name]
}

// Seconds returns the last n seconds, or as many as there are, oldest first.
func (r *Recorder) Seconds(n int) []Second {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Second{}, r.seconds[max(0, len(r.seconds)-n):]...)
}

// since returns the rates that lead from before to f in so many seconds. A counter that has begun anew counts from 0.
func (f Flow) since(before Flow, seconds float64) Flow {
	rate := func(now, before float64) float64 {
		if now < before {
			before = 0
		}
		return (now - before) / seconds
	}
	return Flow{
		Received: rate(f.Received, before.Received), ReceivedBytes: rate(f.ReceivedBytes, before.ReceivedBytes),
		Delivered: rate(f.Delivered, before.Delivered),
		Published: rate(f.Published, before.Published), PublishedBytes: rate(f.PublishedBytes, before.PublishedBytes),
		Refused: rate(f.Refused, before.Refused), Dropped: rate(f.Dropped, before.Dropped),
	}
}

// Add adds what was counted of something else.
func (f *Flow) Add(o Flow) {
	f.Received += o.Received
	f.ReceivedBytes += o.ReceivedBytes
	f.Delivered += o.Delivered
	f.Published += o.Published
	f.PublishedBytes += o.PublishedBytes
	f.Refused += o.Refused
	f.Dropped += o.Dropped
}
