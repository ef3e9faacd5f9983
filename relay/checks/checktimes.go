package checks

// How long schema checks take.

import (
	"time"

	"redis-relay/relay/monitor"
	"redis-relay/relay/route"
)

// timed measures the checks that decide. A scan takes about as long as two readings of the clock, so only one
// in monitor.SchemaSample is measured, and counts for all of them. Those that take longer are all measured.
type timed struct {
	route.Checker

	times *monitor.Histogram
	scans int // before the next one is measured; belongs to the loop
}

// Timed returns a checker whose checks that decide are measured. Its Scan belongs to the loop.
func Timed(c route.Checker, times *monitor.Histogram) route.Checker {
	return &timed{Checker: c, times: times}
}

// clockStart is what time.Since needs to read one clock only.
var clockStart = time.Now()

// Scan implements route.Checker.
func (c *timed) Scan(payload []byte) (kind, key []byte, decided bool, err error) {
	if c.scans--; c.scans >= 0 {
		return c.Checker.Scan(payload)
	}
	return c.timeScan(payload)
}

func (c *timed) timeScan(payload []byte) (kind, key []byte, decided bool, err error) {
	c.scans = monitor.SchemaSample - 1
	began := time.Since(clockStart)
	kind, key, decided, err = c.Checker.Scan(payload)
	if decided {
		c.times.ObserveMany(time.Since(clockStart)-began, monitor.SchemaSample)
	}
	return kind, key, decided, err
}

// Brief implements route.Checker.
func (c *timed) Brief(payload []byte) (decided bool, err error) {
	began := time.Since(clockStart)
	if decided, err = c.Checker.Brief(payload); decided {
		c.times.Observe(time.Since(clockStart) - began)
	}
	return decided, err
}

// Validate implements route.Checker.
func (c *timed) Validate(payload []byte, stopped func() bool) error {
	began := time.Since(clockStart)
	err := c.Checker.Validate(payload, stopped)
	c.times.Observe(time.Since(clockStart) - began)
	return err
}
