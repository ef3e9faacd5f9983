package respserver

// Whether a client may subscribe to a name, or read it: by its limits and by its user's rights.

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// mayListen checks the length of a name and asks the Gate. It replies with the error if the client may not listen.
func mayListen(c *session, kind resp.Kind, name []byte) bool {
	if problem := tooLong(c, kind, name); problem != "" {
		deny(c, name, problem)
		return false
	}
	err := c.srv.backend.MaySubscribe(c.client.user(), kind, name)
	if err != nil {
		deny(c, name, err.Error())
	}
	return err == nil
}

// deny counts, logs and replies that the client may not listen to a name, or read it.
func deny(c *session, name []byte, why string) {
	c.srv.denied.Add(1)
	c.srv.warn("client may not listen", string(name), append(c.client.Identity().Fields(), zap.String("reason", why))...)
	c.replies.err(why)
}

// tooLong returns the error for a name that is over a limit, or nothing.
func tooLong(c *session, kind resp.Kind, name []byte) string {
	what, key, limit := "name", "limits.name", c.srv.limits.Name.Load()
	if length := c.srv.limits.PatternLength.Load(); kind == resp.PMessage && length < limit {
		what, key, limit = "pattern", "limits.pattern_length", length
	}
	if int64(len(name)) <= limit {
		return ""
	}
	return LongName(name, what, key, limit)
}

// LongName is the error for a SUBSCRIBE or PSUBSCRIBE to a name that is over a limit of bytes. what is "name" or
// "pattern", key the limit's in the configuration.
func LongName(name []byte, what, key string, limit int64) string {
	return fmt.Sprintf("DENIED %.*s: a %s of %d bytes is over %s (%d)", maxQuoted, name, what, len(name), key, limit)
}

// tooMany returns the error if the session's subscriptions, and more of a kind, are over a limit, or nothing. name
// is the first of them.
func tooMany(c *session, kind resp.Kind, name []byte, more int) string {
	if n := c.subs.total() + more; int64(n) > c.srv.limits.Subscriptions.Load() {
		return fmt.Sprintf("DENIED %.*s: this would be subscription %d of this connection, over limits.subscriptions",
			maxQuoted, name, n)
	}
	if n := len(c.subs.names[resp.PMessage]) + more; kind == resp.PMessage && int64(n) > c.srv.limits.Patterns.Load() {
		return fmt.Sprintf("DENIED %.*s: this would be pattern %d of this connection, over limits.patterns",
			maxQuoted, name, n)
	}
	return ""
}

// MayListen tells whether a user who is subscribed to a name may stay so. It is called by the loop.
type MayListen func(by User, kind resp.Kind, name []byte) bool

// RecheckAccess disconnects the clients that are subscribed to a name that their user may not listen to any more.
// Call it in the loop, after a change of what Gate answers.
func (s *Server) RecheckAccess(may MayListen) {
	for _, c := range s.sessionsByAge() {
		if !stillAllowed(c, may) {
			c.finish(reasonDenied)
		}
	}
}

// stillAllowed tells whether the user may listen to all that the session is subscribed to, is about to subscribe
// to, and waits for in XREAD.
func stillAllowed(c *session, may MayListen) bool {
	by := c.client.user()
	for kind := range resp.Kind(resp.Kinds) {
		for name := range c.subs.names[kind] {
			if !may(by, kind, []byte(name)) {
				return false
			}
		}
	}
	if p := c.subs.inParts; p != nil {
		refused := func(name []byte) bool { return !may(by, p.kind, name) }
		if slices.ContainsFunc(p.checkedNames(), refused) {
			return false
		}
	}
	if c.reads.waiting == nil {
		return true
	}
	return !slices.ContainsFunc(c.reads.waiting.query.list, func(p stream.Position) bool {
		return !may(by, resp.Message, []byte(p.Channel))
	})
}
