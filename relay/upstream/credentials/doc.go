// Package credentials gets the user and the password for Redis from a program, the helper, and gets them again before
// they expire.
//
// A [Keeper] holds the [Login] that new connections use. When a helper has printed another one, a [Follower] first has
// Redis try it on the living connection; only then it takes the place of the last one. So a helper that fails, or
// prints what Redis refuses, costs nothing while the last login holds.
//
// # Secrets
//
// No error and no text of this package holds a password. What a helper writes to stderr is shown, without the
// passwords that are known.
//
// # Concurrency
//
// The methods of a Keeper may be called from any goroutine, but Get and Run, which start processes and wait for them,
// not from the event loop. Of one Keeper at most one helper runs at a time.
package credentials
