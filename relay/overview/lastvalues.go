package overview

// Figures of the newest messages that new listeners get first.

import (
	"redis-relay/relay/hub/last"
	"redis-relay/relay/monitor"
)

// Last is what is known of the newest messages of channels whose route says last.
type Last struct {
	last.Stats
	Given  uint64 // messages that listeners got first, ever
	Failed uint64 // channels whose newest entry could not be read, ever
}

func measureLast(m *monitor.Metrics, stats func() Last, fromLoop func(func() float64) func() float64) {
	m.Gauge("last_values", "Channels with last whose newest message is known.",
		fromLoop(func() float64 { return float64(stats().Channels) }))
	m.Gauge("last_values_bytes", "Memory of the newest messages of channels with last.",
		fromLoop(func() float64 { return float64(stats().Bytes) }))
	m.Count("last_values_given_total", "Messages that new listeners got first.",
		fromLoop(func() float64 { return float64(stats().Given) }))
	m.Count("last_values_evicted_total", "Newest messages that were let go because there was no room for them.",
		fromLoop(func() float64 { return float64(stats().Evicted) }))
	m.Count("last_values_failed_total", "Channels whose newest entry could not be read from history for a new listener.",
		fromLoop(func() float64 { return float64(stats().Failed) }))
}
