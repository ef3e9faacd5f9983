// Package nonblock reads and writes non-blocking descriptors without telling Go's
// scheduler.
//
// A system call that may wait is announced to the scheduler, which wakes its
// monitor thread if the process was idle, and gives the processor to others if
// the call takes 20 us. These calls never wait: they copy, or return EAGAIN. So the
// announcement only costs: about 10 us of latency for a message that comes when the relay is idle.
//
// The descriptor must be non-blocking, and stay open during the call. Errors are plain errnos, EINTR
// and EAGAIN among them.
//
// # Concurrency
//
// Everything may be called from any goroutine.
package nonblock
