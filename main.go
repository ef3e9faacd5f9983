// Command redis-relay runs beside an app server and holds the host's one Redis
// subscriber connection. Local processes connect to its Unix socket with the
// Redis client they already use.
package main

import (
	"os"

	"redis-relay/relay/command"
)

// version is set by the linker in a release.
var version = "dev"

func main() {
	os.Exit(command.Run(version, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
