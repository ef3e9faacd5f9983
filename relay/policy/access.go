package policy

// Access: which users may listen to a name, read history, and see who listens.

import (
	"fmt"
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

// IsLocal reports whether a name is one of the relay's own channels, which exist on this host only.
func IsLocal(name string) bool { return name == EventsChannel || name == RejectsChannel }

// User is the user behind a local connection.
type User struct {
	Known bool // UID is known
	UID   uint32
}

// access is the part of Rules that says who may use a name. It needs no message. It is immutable.
type access struct {
	table    *route.Table
	patterns patternPrefixes
	maxName  int // bytes
}

// MaySubscribe returns an error if a local client may not listen to a name, and nil if it may. A pattern is refused
// if it could match a channel of a route that this user may not read. Messages of routes that are closed to all
// users are not delivered, whatever pattern matches them.
func (a *access) MaySubscribe(by User, kind resp.Kind, name []byte) error {
	channel := prefixOf(kind, name)
	if route.IsReserved(channel) {
		if kind == resp.Message && IsLocal(string(name)) {
			return nil
		}
		return denied(name, onlyOwn+" can be listened to, by their full names")
	}
	if rt := a.table.Lookup(channel); !rt.Subscribe {
		return denied(name, ofName(kind, closedWords("subscribe", rt)))
	}
	if !a.patterns.allow(kind, channel) {
		return denied(name, a.patterns.refusal())
	}
	if kind == resp.PMessage && a.onlySharded(channel) {
		return denied(name, shardedWords)
	}
	if refusal := a.MaySeeListeners(by, kind, name); refusal != nil {
		return refusal
	}
	return nil
}

// shardedWords says why a pattern hears nothing.
const shardedWords = "it matches channels of sharded routes only, and Redis has no patterns of shard channels; " +
	"subscribe to the channels by their names"

// onlySharded reports whether all channels that begin with a text, and that anybody may listen to, are of sharded
// routes.
func (a *access) onlySharded(literal []byte) (only bool) {
	for rt := range a.table.Reachable(literal) {
		if rt.Subscribe && !rt.Sharded {
			return false
		}
		only = only || rt.Sharded
	}
	return only
}

// MayHear reports whether a local client may listen to a channel by its name.
func (a *access) MayHear(by User, channel []byte) bool {
	if route.IsReserved(channel) {
		return IsLocal(string(channel))
	}
	rt := a.table.Lookup(channel)
	return rt.Subscribe && rt.Listeners.Admit(by.UID, by.Known)
}

// MaySubscribeByNATS is MaySubscribe for NATS clients, whose users are not known. Messages of routes that are not
// for NATS clients are not delivered, whatever pattern matches them.
func (a *access) MaySubscribeByNATS(kind resp.Kind, name []byte) error {
	channel := prefixOf(kind, name)
	rt := a.table.Lookup(channel)
	switch {
	case a.IsLong(name):
		return a.LongName(name)
	case kind == resp.Message && IsLocal(string(name)):
		return nil
	case route.IsReserved(channel):
		return denied(name, onlyOwn+" can be listened to")
	case !rt.NATS:
		return denied(name, ofName(kind, notOnNATS(rt)))
	case !rt.Subscribe:
		return denied(name, ofName(kind, closedWords("subscribe", rt)))
	case !ReachesNATS(rt):
		return denied(name, notListedWords(User{}, "subscribe", rt))
	case !a.patterns.allow(kind, channel):
		return denied(name, a.patterns.refusal())
	}
	return nil
}

// MayPublishByNATS returns a refusal if the channel is closed to NATS clients, and nil if it is not. Publish
// applies the rules that also hold for local clients.
func (a *access) MayPublishByNATS(channel []byte) *Refusal {
	if rt := a.table.Lookup(channel); !rt.NATS && !route.IsReserved(channel) {
		return denied(channel, notOnNATS(rt))
	}
	return nil
}

// ReachesNATS reports whether messages of a route are delivered to NATS clients.
func ReachesNATS(rt *route.Route) bool {
	return rt.NATS && rt.Subscribe && rt.Listeners.Admit(0, false)
}

// MaySeeListeners returns a refusal if a user may not know who listens to a name, and nil if the user may. It is
// refused if the name can match a channel of a route that the user may not listen to.
func (a *access) MaySeeListeners(by User, kind resp.Kind, name []byte) *Refusal {
	if kind != resp.PMessage {
		return notListed(by, name, a.table.Lookup(name))
	}
	for rt := range a.table.Reachable(glob.Literal(name)) {
		if refusal := notListed(by, name, rt); refusal != nil {
			return refusal
		}
	}
	return nil
}

// notListed returns a refusal if a route lists users, and this one is not among them.
func notListed(by User, name []byte, rt *route.Route) *Refusal {
	if rt.Listeners.Admit(by.UID, by.Known) {
		return nil
	}
	return denied(name, notListedWords(by, "subscribe", rt))
}

// MayRead returns an error if the channel has no history to read, and nil if it has.
func (a *access) MayRead(channel string) error {
	rt := a.table.Lookup([]byte(channel))
	switch {
	case route.IsReserved([]byte(channel)):
		return denied(channel, "nothing is kept of the relay's own channels")
	case !rt.HasHistory():
		return denied(channel, noHistory(rt))
	}
	return nil
}

// prefixOf returns the text with which all channels begin that a name matches.
func prefixOf(kind resp.Kind, name []byte) []byte {
	if kind == resp.PMessage {
		return glob.Literal(name)
	}
	return name
}

const onlyOwn = "of the relay's own channels only " + EventsChannel + " and " + RejectsChannel

// closedWords says that a route does not let any client do something.
func closedWords(key string, rt *route.Route) string {
	if isUnrouted(rt) {
		return "no route covers this channel, and unrouted is deny; add a route to relay.yaml"
	}
	return fmt.Sprintf("route %q says %s: false", rt.Prefix, key)
}

// ofName turns a sentence about a channel into one about a pattern, if the name is a pattern.
func ofName(kind resp.Kind, reason string) string {
	if kind == resp.PMessage {
		return strings.Replace(reason, "covers this channel", "covers this pattern", 1)
	}
	return reason
}

// notListedWords says that a route lists users, and this one is not among them.
func notListedWords(by User, key string, rt *route.Route) string {
	who := "your user is not known: it is known only on the Unix socket"
	if by.Known {
		who = fmt.Sprintf("your user (uid %d) is not among them", by.UID)
	}
	return fmt.Sprintf("route %q has %s_uids, and %s", rt.Prefix, key, who)
}

// notOnNATS says why NATS clients cannot use a channel.
func notOnNATS(rt *route.Route) string {
	if rt.Prefix == "" {
		return "no route covers this channel; add one with nats: true to relay.yaml"
	}
	return fmt.Sprintf("route %q does not say nats: true", rt.Prefix)
}

// noHistory says why a route's channels have no history.
func noHistory(rt *route.Route) string {
	if isUnrouted(rt) {
		return "nothing is kept of this channel, which no route covers; add one with a history to relay.yaml"
	}
	return fmt.Sprintf("nothing is kept of this channel; give route %q a history in relay.yaml", rt.Prefix)
}

// isUnrouted reports whether a route is the one for channels that no prefix covers.
func isUnrouted(rt *route.Route) bool { return rt.Prefix == "" && rt.Name != "" }
