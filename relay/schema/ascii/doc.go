// Package ascii tells the letters and digits of ASCII from all other bytes.
//
// # Concurrency
//
// Its functions are pure: they may be called concurrently.
package ascii
