// Package checks validates messages that take long to judge. It does so beside the event loop, on several cores,
// within bounds of memory.
//
// # Ordering
//
// Messages of one channel that come from Redis are dispatched in their order. Other channels do not wait for them.
//
// # Concurrency
//
// The methods of a Pool belong to the loop, except Run. Examinations may be used from anywhere.
package checks
