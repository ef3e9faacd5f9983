// Package resp is the Redis serialization protocol, RESP2 and RESP3, as pure code: it reads and writes bytes that
// others move, and knows no socket, clock or goroutine.
//
// Commands splits what a client sends into commands. The Append functions write replies and pushes onto a byte slice.
// ReadValue reads any reply back, for tests and tools.
//
// Texts of errors and rules of framing are those of Redis 7. Where the package is stricter it says so at the limit.
//
// Ordering: Commands returns commands in the order of their bytes, whatever the chunks they came in. A protocol error
// comes after every command that is whole before it, and is the last word.
//
// Concurrency: a Commands belongs to one goroutine at a time. Functions are free to use anywhere. The buffers that
// idle connections give back are shared through a pool, so bytes taken from a Command must not be kept beyond the
// life that Command names.
package resp
