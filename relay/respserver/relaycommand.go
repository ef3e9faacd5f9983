package respserver

// RELAY: what the relay tells about itself. Redis has no such command.

import "redis-relay/relay/resp"

var relayCommands = table(
	&command{
		name: "relay|status", arity: 2, run: relayStatus, since: "1.0.0", group: "server",
		summary: "Returns the state of the relay as JSON: traffic, channels, clients, rejects, alerts.",
	},
	&command{name: "relay|help", arity: 2, run: help("RELAY", []string{
		"STATUS", "    Return the state of the relay as JSON, as redis-relay top shows it.",
	}), since: "1.0.0", group: "server", summary: "Returns helpful text about the different subcommands."},
)

func relayStatus(c *session, _ [][]byte) {
	r := c.reserveReply()
	if r == nil {
		return
	}
	c.srv.listings.run(c, func() {
		c.srv.backend.Status(c.client.user(), func(json []byte) {
			c.srv.listings.done(c.srv)
			r.complete(resp.AppendBulk(nil, json))
		})
	})
}
