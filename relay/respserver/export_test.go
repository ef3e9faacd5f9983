package respserver

import "redis-relay/relay/respserver/listen"

// WrapAccept has connections accepted by what f makes of accept(2). Call it before Serve.
func (s *Server) WrapAccept(f func(accept func(int) (int, error)) func(int) (int, error)) {
	s.acceptor.accept = f(listen.Accept)
}
