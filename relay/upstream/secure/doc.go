// Package secure dials with TLS, and notices a port that answers without it.
//
// # Concurrency
//
// All functions may be called from anywhere. A dialer blocks until the handshake is made, or its time is over.
package secure
