// Package sampling keeps the log readable when a crowd causes the same line again and
// again: a few lines for each key, such as a channel, then one a second. So one noisy
// channel does not hide what happens on another.
//
// Concurrency: everything may be called from anywhere.
package sampling
