// Package sampling keeps the log readable when a crowd causes the same line again and
// again: a few lines for each key, such as a channel, then one a second. So one noisy
// channel does not hide what happens on another. What was left out is counted, and told
// with the next line, or by a line of its own a second later.
//
// Concurrency: everything may be called from anywhere.
package sampling
