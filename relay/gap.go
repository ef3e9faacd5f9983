package relay

// Gaps in single channels: who is concerned, and how they learn of it.

import (
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// heardName is a name that somebody listens to.
type heardName struct {
	kind resp.Kind
	name string
}

// hearers returns the names, channel or patterns, by which the messages of a channel
// are heard.
func (r *Relay) hearers(channel string) (names []heardName) {
	exact, patterns := r.hub.Hearers([]byte(channel))
	if exact {
		names = append(names, heardName{resp.Message, channel})
	}
	for _, p := range patterns {
		names = append(names, heardName{resp.PMessage, p})
	}
	return names
}

// endForGap disconnects the listeners of names, where their routes ask for that.
func (r *Relay) endForGap(now *rules, names []heardName) {
	ended := map[heardName]bool{}
	for _, n := range names {
		if now.onGap(n.kind, n.name) == route.GapDisconnect {
			ended[n] = true
			r.hub.End(n.kind, n.name, hub.ReasonGap)
		}
	}
	if r.nats != nil && len(ended) > 0 {
		r.nats.Disconnect(func(kind resp.Kind, name string) bool { return ended[heardName{kind, name}] })
	}
}

// unchecked tells of messages for which the pool of checks had no room.
func (r *Relay) unchecked(l *loss) {
	const cause = "too many messages that take long to check waited"
	now := r.rules.Load()
	var concerned []heardName
	for _, n := range append(r.hearers(l.channel), heardName{resp.SMessage, l.channel}) {
		if l.kinds[n.kind] {
			concerned = append(concerned, n)
		}
	}
	r.endForGap(now, concerned)
	if more, ok := r.rejectLog.Allow(string(Busy) + " " + l.channel); ok {
		r.log.Warn("messages were lost: "+cause, append(more, zap.String("channel", printable(l.channel)),
			zap.Int64("messages", l.messages))...)
	}
	r.tell(EventsChannel, Event{
		Event: "gap", Time: time.Now(), Cause: cause, Since: &l.since, Until: &l.until, Channel: l.channel,
		Prefixes: []string{now.table.Lookup([]byte(l.channel)).Prefix}, Missing: l.messages,
	})
}
