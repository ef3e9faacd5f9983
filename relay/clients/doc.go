// Package clients holds the suites that drive the relay with the client libraries
// people use: Node.js and Python in their own languages, the pages on migration as
// they are written, the example applications in Chromium (see run), go-redis in this
// package's test. They talk to the real binary through its socket.
package clients
