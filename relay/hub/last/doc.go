// Package last keeps the newest message of each channel, in bounded memory, for listeners that are still to come.
//
// # Concurrency
//
// Everything belongs to one goroutine, the event loop.
//
// # Memory
//
// A message is copied. The next one of its channel takes its place, mostly in the same memory. When all messages
// together are over the bound, those of the channels go first that were not used for the longest time: no message
// came, and nobody asked.
package last
