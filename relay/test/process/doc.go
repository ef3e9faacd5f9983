// Package process builds the relay as it is shipped and runs it in processes of its own, for tests that signal it,
// kill it, or count what it takes of the machine. Only tests import it.
//
// # Concurrency
//
// A Relay belongs to the goroutine of its test. Output may be written and read at the same time.
package process
