// Package tcp is tests only: clients that connect by TCP, with and without a password. That their wire is Redis's is in
// relay/test/wire.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own, and all run at the same time.
package tcp
