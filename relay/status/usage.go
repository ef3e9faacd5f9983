package status

// What the process takes of the machine.

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Usage returns the time of processors that this process has taken, in seconds, and its resident memory in bytes, 0
// where the system does not tell.
func Usage() (cpu float64, resident int64) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) == nil {
		cpu = (time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())).Seconds()
	}
	statm, err := os.ReadFile("/proc/self/statm") // Linux: its second number is in pages
	if fields := bytes.Fields(statm); err == nil && len(fields) > 1 {
		pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
		resident = pages * int64(os.Getpagesize())
	}
	return cpu, resident
}
