// Package explain says what the relay would do with a channel, a user and a message, and why; and what in a
// configuration can never take effect. It asks package policy, as a running relay does, so its answers are the relay's.
//
// # Concurrency
//
// All functions may be called from anywhere. They return when the answer is known: a check that takes long, some 20 ms.
package explain
