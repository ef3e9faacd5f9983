// Package clients holds the suites that drive the relay with the client libraries
// people use: Node.js and Python in their own languages (see run), go-redis in
// this package's test. They talk to the real binary through its socket.
package clients
