// Package meter watches how many messages each channel carries: it says which of
// them are over a limit, and which channels have become noisy.
//
// # Memory
//
// A Meter remembers a channel only as long as that makes a difference, and at most
// MaxChannels at a time.
//
// # Concurrency
//
// A Meter may be used from anywhere. Counting takes a lock for less than a
// microsecond.
package meter
