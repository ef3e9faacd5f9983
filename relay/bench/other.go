//go:build !linux

// Where the harness cannot run.

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux (epoll, /proc, CPU clocks of other processes)")
	os.Exit(1)
}
