package listen

import "golang.org/x/sys/unix"

// tcpKeepIdle is the option for keepIdle.
const tcpKeepIdle = unix.TCP_KEEPALIVE
