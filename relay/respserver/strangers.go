package respserver

// Strangers: clients on TCP that must give a password and have not given it. They must not keep others out: they have
// half of the places at most, and each has Limits.Command for its password.

// mayHaveStranger reports whether one more stranger may connect. Like the rest of this file it belongs to the loop.
func (s *Server) mayHaveStranger() bool {
	return int64(s.strangers) < max(1, s.limits.Clients.Load()/2)
}

// makeStranger is called when a client must give a password from now on.
func (c *session) makeStranger() {
	if !c.client.mustAuth {
		c.client.mustAuth, c.client.strangeSince = true, c.srv.clock()
		c.srv.strangers++
	}
}

// makeKnown is called when a client has given the password.
func (c *session) makeKnown() {
	if c.client.mustAuth {
		c.client.mustAuth = false
		c.srv.strangers--
	}
}

// strangerGone is called when the connection of a client is closed.
func (c *session) strangerGone() {
	if c.client.mustAuth {
		c.srv.strangers--
	}
}

// isLate tells whether a client has been awaited since before a time, by Server.clock: with the rest of a command, with
// its first one, or with the password.
func (c *session) isLate(before int64) bool {
	since := c.input.incompleteSince
	return since != 0 && since < before || c.client.mustAuth && c.client.strangeSince < before
}
