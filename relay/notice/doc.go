// Package notice reports what happens: on the relay's own channels, in the log and by counters. One list holds all
// notices; a table of the documentation is made from it.
//
// # Concurrency
//
// Logging and counting may be done from anywhere. Sending events, and adding and removing outlets, belongs to the
// event loop.
package notice
