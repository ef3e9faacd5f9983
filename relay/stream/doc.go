// Package stream has the words in which clients ask for the history of channels, and in which it is given to
// them: IDs, entries, ranges and positions. It knows neither Redis nor clients.
//
// # Concurrency
//
// All types are plain values without locks.
package stream
