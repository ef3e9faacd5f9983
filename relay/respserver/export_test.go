package respserver

// WrapAccept has connections accepted by what f makes of accept(2). Call it before Serve.
func (s *Server) WrapAccept(f func(accept func(int) (int, error)) func(int) (int, error)) {
	s.acceptor.accept = f(accept)
}

// Accepting has take given what connections are accepted on, which it owns: see Socket.listen.
func (s *Socket) Accepting(take func(fd int)) error { return s.listen(take) }
