// Package loop is an event loop: one goroutine that carries out everything that happens
// to the descriptors registered with it.
//
// # Order
//
// The loop works in turns. In a turn it calls the handlers of the descriptors that are
// ready: first those that asked for it with Descriptor.Again, then the others in the order
// in which the kernel saw them become ready. Then come the functions that were posted, then
// the timers that are due, and at last the functions of AtTurnEnd. So
// what arrives first is carried out first, and what a turn has produced can be written
// together.
//
// Readiness is edge-triggered: a handler is told once that there is something to read, and
// must read until nothing is left, or ask for another call with Descriptor.Again. It should
// bound what it does in one call, because everybody else waits meanwhile.
//
// # Concurrency
//
// Post, Call, Longest and Turns may be called from any goroutine. Everything else belongs to
// the loop: call it from functions that the loop runs, or before Run. A function that the
// loop runs must not block.
//
// # Waiting
//
// An idle loop waits in Go's own poller, which watches the loop's descriptor: no thread is
// blocked, and a message that comes wakes one goroutine. On macOS it waits in kevent(2) and
// blocks a thread, because Go's poller cannot watch a kqueue.
package loop
