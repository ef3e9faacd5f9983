package policy

// Who may listen, read, keep and know.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// The relay's own channels. Clients of this host may subscribe to them by their
// full names; nobody may publish on them.
const (
	EventsChannel  = "relay:events"
	RejectsChannel = "relay:rejects"
)

// IsLocal tells whether a name is one of the relay's own channels, which exist on this host only.
func IsLocal(name string) bool { return name == EventsChannel || name == RejectsChannel }

// User is who stands behind a local connection.
type User struct {
	Known bool
	UID   uint32
}

// MaySubscribe says why a local client may not listen to a name, or nil. A
// pattern is judged by the prefix that all its matches have: it must reach no route
// that is not for this user. What it catches of routes that are closed to all is
// not delivered.
func (r *Rules) MaySubscribe(by User, kind resp.Kind, name []byte) error {
	channel := prefixOf(kind, name)
	if route.IsReserved(channel) {
		if kind == resp.Message && IsLocal(string(name)) {
			return nil
		}
		return denied(name, onlyOwn+" can be listened to, by their full names")
	}
	if rt := r.table.Lookup(channel); !rt.Subscribe {
		return denied(name, ofName(kind, closedWords("subscribe", rt)))
	}
	if !r.allowsPattern(kind, channel) {
		return denied(name, r.outsidePatterns())
	}
	if refusal := r.MayKnow(by, kind, name); refusal != nil {
		return refusal
	}
	return nil
}

// MaySubscribeByNATS is MaySubscribe for NATS clients. Whom a connection over TCP belongs to is
// not known. What a pattern catches of routes that are not for them is not delivered.
func (r *Rules) MaySubscribeByNATS(kind resp.Kind, name []byte) error {
	channel := prefixOf(kind, name)
	rt := r.table.Lookup(channel)
	switch {
	case r.IsLong(name):
		return r.LongName(name)
	case kind == resp.Message && IsLocal(string(name)):
		return nil
	case route.IsReserved(channel):
		return denied(name, onlyOwn+" can be listened to")
	case !rt.NATS:
		return denied(name, ofName(kind, notOnNATS(rt)))
	case !rt.Subscribe:
		return denied(name, ofName(kind, closedWords("subscribe", rt)))
	case !ReachesNATS(rt):
		return denied(name, barredWords(User{}, "subscribe", rt))
	case !r.allowsPattern(kind, channel):
		return denied(name, r.outsidePatterns())
	}
	return nil
}

// MayPublishByNATS says why NATS clients may not publish on a channel, or nil, as far as that is
// not said to local clients, too.
func (r *Rules) MayPublishByNATS(channel []byte) *Refusal {
	if rt := r.table.Lookup(channel); !rt.NATS && !route.IsReserved(channel) {
		return denied(channel, notOnNATS(rt))
	}
	return nil
}

// ReachesNATS tells whether NATS clients may hear the channels of a route.
func ReachesNATS(rt *route.Route) bool {
	return rt.NATS && rt.Subscribe && rt.Listeners.Admit(0, false)
}

// MayKnow says why a user may not know who listens to a name, or nil: the name can reach a route
// that the user may not listen to.
func (r *Rules) MayKnow(by User, kind resp.Kind, name []byte) *Refusal {
	if kind != resp.PMessage {
		return barred(by, name, r.table.Lookup(name))
	}
	for rt := range r.table.Reachable(glob.Literal(name)) {
		if refusal := barred(by, name, rt); refusal != nil {
			return refusal
		}
	}
	return nil
}

func barred(by User, name []byte, rt *route.Route) *Refusal {
	if rt.Listeners.Admit(by.UID, by.Known) {
		return nil
	}
	return denied(name, barredWords(by, "subscribe", rt))
}

// MayRead says why the history of a channel cannot be read, or nil.
func (r *Rules) MayRead(channel string) error {
	rt := r.table.Lookup([]byte(channel))
	switch {
	case route.IsReserved([]byte(channel)):
		return denied(channel, "nothing is kept of the relay's own channels")
	case !rt.HasHistory():
		return denied(channel, noHistory(rt))
	}
	return nil
}

// prefixOf returns the text that all channels begin with that a name catches.
func prefixOf(kind resp.Kind, name []byte) []byte {
	if kind == resp.PMessage {
		return glob.Literal(name)
	}
	return name
}

// allowsPattern tells whether a name, if it is a pattern, begins as patterns must.
func (r *Rules) allowsPattern(kind resp.Kind, literal []byte) bool {
	return kind != resp.PMessage || len(r.patterns) == 0 || slices.ContainsFunc(r.patterns, func(prefix string) bool {
		return bytes.HasPrefix(literal, []byte(prefix))
	})
}

const onlyOwn = "of the relay's own channels only " + EventsChannel + " and " + RejectsChannel

// outsidePatterns words why a pattern is refused that does not begin as it must.
func (r *Rules) outsidePatterns() string {
	return fmt.Sprintf("a pattern must begin with one of limits.pattern_prefixes (%s)", strings.Join(r.patterns, ", "))
}

// closedWords words why a route does not let a client do something.
func closedWords(key string, rt *route.Route) string {
	if isUnrouted(rt) {
		return "no route covers this channel, and unrouted is deny; add a route to relay.yaml"
	}
	return fmt.Sprintf("route %q says %s: false", rt.Prefix, key)
}

// ofName makes what is said of a channel fit for a pattern, which has the route of the text that it begins with.
func ofName(kind resp.Kind, reason string) string {
	if kind == resp.PMessage {
		return strings.Replace(reason, "covers this channel", "covers this pattern", 1)
	}
	return reason
}

// barredWords words why a route does not let a user do something.
func barredWords(by User, key string, rt *route.Route) string {
	who := "your user is not known"
	if by.Known {
		who = fmt.Sprintf("your user (uid %d) is not among them", by.UID)
	}
	return fmt.Sprintf("route %q has %s_uids, and %s", rt.Prefix, key, who)
}

// notOnNATS words why NATS clients cannot use a channel.
func notOnNATS(rt *route.Route) string {
	if rt.Prefix == "" {
		return "no route covers this channel; add one with nats: true to relay.yaml"
	}
	return fmt.Sprintf("route %q does not say nats: true", rt.Prefix)
}

// noHistory words why nothing is kept of a route's channels.
func noHistory(rt *route.Route) string {
	if isUnrouted(rt) {
		return "nothing is kept of this channel, which no route covers; add one with a history to relay.yaml"
	}
	return fmt.Sprintf("nothing is kept of this channel; give route %q a history in relay.yaml", rt.Prefix)
}

// isUnrouted tells whether a route is that of the channels that no prefix covers.
func isUnrouted(rt *route.Route) bool { return rt.Prefix == "" && rt.Name != "" }
