package respserver

// WrapAccept has connections accepted by what f makes of accept(2). Call it before Serve.
func (s *Server) WrapAccept(f func(accept func(int) (int, error)) func(int) (int, error)) {
	s.acceptor.accept = f(accept)
}

// Accepting has take given what connections are accepted on, which it owns: see Socket.listen.
func (s *Socket) Accepting(take func(fd int)) error { return s.listen(take) }

// TCPKeepIdle is the option for the time before the first probe of keepalive.
const TCPKeepIdle = tcpKeepIdle

// TCPAddresses sets up a TCP connection, and returns the addresses of its client and of its own end.
func TCPAddresses(fd int) (addr, laddr string) {
	p := tcpPeer(fd)
	return p.tcp.addr, p.tcp.laddr
}
