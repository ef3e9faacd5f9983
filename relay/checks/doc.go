// Package checks validates messages whose check takes long: beside the event loop, on several cores, within bounds of
// memory. Timed measures how long checks take, also the short ones that are made in the loop.
//
// # Ordering
//
// Messages from Redis are dispatched in the order of their channel. Messages of other channels may overtake them.
//
// # Concurrency
//
// A Pool belongs to the loop, except for Run. Examinations may be used from anywhere.
package checks
