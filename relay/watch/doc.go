// Package watch is what looks on while messages pass: a [Watch] keeps the figures of channels and tells of alerts about
// them, [Viewers] show messages to those who watch with MONITOR. The two data paths tell them of each message.
//
// # Concurrency
//
// All of it belongs to the event loop, but for the functions, which may be called from anywhere.
package watch
