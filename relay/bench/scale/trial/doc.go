// Package trial compares relay/bench/scale/model with real runs: redis-servers, relays as processes of their own, up to
// 50 of them, and listeners at their sockets. It counts bytes, connections and messages, and takes the CPU that each
// process has used, not the time that passed: so other load on the machine disturbs it little.
//
//	rows, err := trial.Check(ctx, setting, trial.Full)
//
// # What is verified
//
// Every listener gets all messages that it has subscribed to, and nothing else: a run that lacks one fails.
//
// # Concurrency
//
// Measure and Check start children that die with the thread that started them: call them from a goroutine that is
// locked to its thread, one at a time. All that they start has ended when they return. It needs Linux: /proc, and CPU
// clocks of other processes.
package trial
