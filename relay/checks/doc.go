// Package checks has messages validated that take long to judge: beside the loop, on as many
// cores as there are, within bounds of memory.
//
// # Ordering
//
// What comes from Redis is dispatched in the order of its channel; other channels pass by.
//
// # Concurrency
//
// A Pool belongs to the loop, but for Run. Examinations may be used from anywhere.
package checks
