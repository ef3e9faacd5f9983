// Package replay is what a person does with dead letters: list them, read one, and publish those that pass now. It
// works at Redis, without a relay, with the rights of the user in the configuration.
//
// [Desk.Replay] judges each letter by the rules of the configuration as a relay would now. Those that pass are
// published and deleted by one script, 64 at a time: it does nothing for a letter that is gone. So each letter is
// published once or is still there, however often a replay is interrupted, and if two run at a time. What fails stays.
//
// # Concurrency
//
// A Desk belongs to one goroutine.
package replay
