package respserver

// Strangers: clients on TCP that must give a password and have not given it. They must not keep others out: they have
// half of the places at most, and each has Limits.Command for its password.

// mayHaveStranger reports whether one more stranger may connect. Like the rest of this file it belongs to the loop.
func (s *Server) mayHaveStranger() bool {
	return int64(s.strangers) < max(1, s.limits.Clients.Load()/2)
}

// login is the part of a session that says whether the client must still give the password.
type login struct {
	strangers *int  // how many there are
	since     int64 // since when the password is awaited, by Server.clock; 0: it is not
}

// isAwaited reports whether the client is a stranger: of the commands only AUTH, HELLO, QUIT and RESET are carried out.
func (l *login) isAwaited() bool { return l.since != 0 }

// await asks for the password from now on. A client that is asked already gets no more time.
func (l *login) await(now int64) {
	if !l.isAwaited() {
		l.since = now
		*l.strangers++
	}
}

// end is called when the client has given the password, or is gone.
func (l *login) end() {
	if l.isAwaited() {
		l.since = 0
		*l.strangers--
	}
}

// isLate reports whether the password has been awaited since before a time, by Server.clock.
func (l *login) isLate(before int64) bool { return l.isAwaited() && l.since < before }
