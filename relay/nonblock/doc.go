// Package nonblock reads and writes non-blocking descriptors without telling Go's
// scheduler.
//
// A system call that may wait is announced to the scheduler, which wakes its
// monitor thread if the process was idle, and gives the processor to others if
// the call takes 20 us. Here the call never waits: it copies, or says EAGAIN. So
// both only cost: for a message that comes when the relay is idle about 10 us of
// latency.
//
// The descriptor must be non-blocking, and stay open during the call. Errors are plain errnos, EINTR
// and EAGAIN among them.
//
// # Concurrency
//
// Everything may be called from anywhere.
package nonblock

// MaxVectors is how many slices Writev takes.
const MaxVectors = 256
