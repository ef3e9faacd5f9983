package respserver

// The clients with the most that waits for them, for people.

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"redis-relay/relay/hub"
)

// ClientState is what there is to know about a client at one moment.
type ClientState struct {
	Client
	Library   string        // and its version, as far as the client has told them
	Age       time.Duration // since it has connected
	Idle      time.Duration // since its last command
	QueuedFor time.Duration // how long output has waited for its socket, about; 0: none waits
	Missed    uint64        // messages that it missed while it stayed connected
	Names     int           // channels, patterns and shard channels that it is subscribed to
	Command   string        // the last one
	hub.Backlog
}

// Largest returns the n clients with the most that waits for them or is kept for them, the largest first.
func (s *Server) Largest(n int) []ClientState {
	type weighed struct {
		*session
		bytes int
	}
	heavier := func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.client.id, b.client.id))
	}
	top := make([]weighed, 0, n+1)
	for _, c := range s.sessions {
		b := c.out.Backlog()
		one := weighed{c, b.Queued + b.Kept}
		i, _ := slices.BinarySearchFunc(top, one, heavier)
		if i == n {
			continue
		}
		top = slices.Insert(top, i, one)
		top = top[:min(n, len(top))]
	}
	list := make([]ClientState, len(top))
	for i, c := range top {
		list[i] = c.state(s.loop.Now())
	}
	return list
}

func (c *session) state(now time.Time) ClientState {
	who := &c.client
	s := ClientState{
		Client: who.Identity(), Library: strings.TrimSpace(who.libName + " " + who.libVer),
		Age: now.Sub(who.opened), Idle: now.Sub(c.input.lastUsed),
		Missed: c.listener.Missed(), Names: c.subs.total(), Backlog: c.out.Backlog(),
	}
	if since := c.out.WaitsSince(); !since.IsZero() {
		s.QueuedFor = max(0, now.Sub(since))
	}
	if c.last != nil {
		s.Command = c.last.name
	}
	return s
}
