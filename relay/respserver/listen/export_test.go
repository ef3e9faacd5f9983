package listen

// TCPKeepIdle is the option for the time before the first probe of keepalive.
const TCPKeepIdle = tcpKeepIdle
