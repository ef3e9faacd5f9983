// Package notice tells what happens: on the relay's own channels, in the log and by counters. Whatever
// it can tell is in one list, which is also a table of the documentation.
//
// # Concurrency
//
// Logging and counting may be done from anywhere. Events are sent, and outlets added and removed, by the
// event loop.
package notice
