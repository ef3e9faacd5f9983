package relay

// What the relay wants of Redis: what the hub wants, the announcements of names that may have a history, and
// its own channels.

import (
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"redis-relay/relay/checks"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// interest stands between the hub and the connection to Redis. It is hub.Upstream, and belongs to the loop.
type interest struct {
	// Fixed after construction.
	*side
	rules   *atomic.Pointer[rules]
	checks  *checks.Pool
	outlets *outlets
	teller  *notice.Teller

	announced [resp.Kinds]map[string]bool // names whose announcements are subscribed, or about to be
	own       int                         // channels of the relay itself that Redis has confirmed
}

// Subscribe subscribes names. Announcements come with them, in one command, so that no entry comes without
// one.
func (i *interest) Subscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	now := i.rules.Load()
	all := make([]string, 0, len(names))
	var announced []string
	for _, name := range names {
		if now.MayHaveHistory(i.index, kind, name) {
			i.announce(kind, name)
			announced = append(announced, name)
			all = append(all, history.SeqPrefix+name)
		}
		all = append(all, name)
	}
	i.redis.Subscribe(kind, all, func(lost bool, refused error) {
		switch {
		case lost:
		case refused == nil:
			i.confirmed(kind, announced)
		case len(names) == 1 && len(all) == 2:
			i.subscribeApart(kind, names[0], done)
			return
		default:
			i.forget(kind, names)
		}
		done(lost, refused)
	})
}

// allowing says which rule of an ACL would let a name through, if an ACL has refused it.
func allowing(refused error, rule string) string {
	missing := upstream.MissingRule(refused, rule)
	if missing == "" {
		return ""
	}
	return ": allow its user on Redis " + missing
}

// subscribeApart finds out which Redis refuses: a name, or its announcements. Without those there is no
// history: whoever listens must know, and that it is not the name they asked for.
func (i *interest) subscribeApart(kind resp.Kind, name string, done func(lost bool, refused error)) {
	seq := history.SeqPrefix + name
	i.redis.Subscribe(kind, []string{seq}, func(lost bool, refused error) {
		if lost || refused != nil {
			i.forget(kind, []string{name})
			if refused != nil {
				refused = fmt.Errorf("%w (the relay announces the history of %s on %s%s)",
					refused, policy.Printable(name), policy.Printable(seq), allowing(refused, "&"+policy.Printable(seq)))
			}
			done(lost, refused)
			return
		}
		i.redis.Subscribe(kind, []string{name}, func(lost bool, refused error) {
			if refused != nil {
				i.forget(kind, []string{name})
				i.redis.Unsubscribe(kind, []string{seq}, func(bool, error) {})
			} else if !lost {
				i.confirmed(kind, []string{name})
			}
			done(lost, refused)
		})
	})
}

// Unsubscribe lets names go, and behind each its announcements.
func (i *interest) Unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	if len(i.announced[kind]) > 0 {
		all := make([]string, 0, len(names))
		for _, name := range names {
			all = append(all, name)
			if i.announced[kind][name] {
				all = append(all, history.SeqPrefix+name)
			}
		}
		i.forget(kind, names)
		names = all
	}
	i.redis.Unsubscribe(kind, names, done)
}

// Fence is upstream.Connection.Fence.
func (i *interest) Fence(done func(lost bool)) { i.redis.Fence(done) }

func (i *interest) announce(kind resp.Kind, name string) {
	if kind == resp.PMessage {
		i.feed.SubscribingPattern()
	}
	if i.announced[kind] == nil {
		i.announced[kind] = map[string]bool{}
	}
	i.announced[kind][name] = true
}

func (i *interest) forget(kind resp.Kind, names []string) {
	for _, name := range names {
		delete(i.announced[kind], name)
	}
}

// confirmed says that Redis has confirmed a command. names are those of it that it has subscribed with their
// announcements, whatever was asked for since.
func (i *interest) confirmed(kind resp.Kind, names []string) {
	i.outlets.advance()
	for _, name := range names {
		switch kind {
		case resp.Message:
			i.feed.Subscribed(name)
		case resp.PMessage:
			i.feed.SubscribedPattern()
		}
	}
}

// AwaitDelivered calls done when what came of names has passed history and the pool of checks.
func (i *interest) AwaitDelivered(kind resp.Kind, names []string, done func()) {
	var all [resp.Kinds][]string
	all[kind] = names
	i.feed.Barrier(all, func() { i.checks.Barrier(done) })
}

// Released says that Redis does not send a name any more, and that nobody hears it.
func (i *interest) Released(kind resp.Kind, name string) {
	switch kind {
	case resp.Message:
		i.feed.Unsubscribed(name)
	case resp.PMessage:
		i.feed.UnsubscribedPattern(name)
	}
}

// Interrupted says that Redis has ended a name.
func (i *interest) Interrupted(kind resp.Kind, name string) {
	switch kind {
	case resp.Message:
		i.feed.Interrupted(name)
	case resp.PMessage:
		i.feed.InterruptedPattern(name)
	}
}

// Refused says that Redis will not subscribe a name.
func (i *interest) Refused(kind resp.Kind, name string, err error) {
	facts := []zap.Field{nameField(kind, name), zap.Error(err)}
	if missing := upstream.MissingRule(err, "&"+name); missing != "" {
		facts = append(facts, zap.String("allow_to_the_user", missing))
	}
	i.teller.Log(notice.SubscriptionRefused, i.about(facts...)...)
	i.outlets.refused(kind, name, err)
	if kind == resp.Message {
		i.feed.Refused(name, err)
	}
}

// joinFleet has the questions of other relays come, and the answers to our own: on shard channels, or on
// ordinary ones where Redis has no others, which came with 7.0.
func (i *interest) joinFleet(kind resp.Kind) {
	channels := i.fleet.Channels()
	i.redis.Subscribe(kind, channels, func(lost bool, refused error) {
		switch {
		case lost:
		case refused == nil:
			i.own = len(channels)
		case kind == resp.SMessage && fleet.NoShards(refused):
			i.joinFleet(resp.Message)
		default:
			i.teller.Log(notice.FleetRefused.With(upstream.Advice(refused, "&relay:*")), i.about(zap.Error(refused))...)
		}
	})
}

// count returns how many subscriptions the hub does not know of.
func (i *interest) count() (n int) {
	n = i.own
	for _, names := range i.announced {
		n += len(names)
	}
	return n
}

// patterns returns how many of the patterns on Redis are announcements'.
func (i *interest) patterns() int64 { return int64(len(i.announced[resp.PMessage])) }

// follow does what a reload asks for: routes may have got a history, or lost theirs, or be on another upstream. Readers
// that wait for entries of a channel that is not here any more are told.
func (i *interest) follow() {
	for name := range i.announced[resp.Message] {
		switch at := i.rules.Load().Route([]byte(name)).Upstream; {
		case !at.Hears(i.index):
			i.feed.Forget(name)
		case at.Index != i.index:
			i.feed.EndReaders(name)
		}
	}
	for _, kind := range []resp.Kind{resp.Message, resp.PMessage} {
		for _, name := range i.hub.Names(kind) {
			switch has, want := i.announced[kind][name], i.rules.Load().MayHaveHistory(i.index, kind, name); {
			case !has && want:
				i.addAnnouncements(kind, name)
			case has && !want:
				i.dropAnnouncements(kind, name)
			}
		}
	}
}

func (i *interest) addAnnouncements(kind resp.Kind, name string) {
	if !i.redis.Connected() {
		return // they come with the name
	}
	i.announce(kind, name)
	i.redis.Subscribe(kind, []string{history.SeqPrefix + name}, func(lost bool, refused error) {
		switch {
		case lost:
		case refused != nil:
			i.forget(kind, []string{name})
			i.Refused(kind, history.SeqPrefix+name, refused)
			i.hub.Disconnect(kind, name, hub.ReasonRefused)
		default:
			i.confirmed(kind, []string{name})
		}
	})
}

func (i *interest) dropAnnouncements(kind resp.Kind, name string) {
	i.forget(kind, []string{name})
	if kind == resp.Message {
		i.feed.Forget(name)
	}
	if i.redis.Connected() {
		i.redis.Unsubscribe(kind, []string{history.SeqPrefix + name}, func(bool, error) {})
	}
}

// lost forgets what Redis had subscribed.
func (i *interest) lost() { i.announced, i.own = [resp.Kinds]map[string]bool{}, 0 }

var _ hub.Upstream = (*interest)(nil)

// nameField is the name of a channel or of a pattern in a log line.
func nameField(kind resp.Kind, name string) zap.Field {
	if kind == resp.PMessage {
		return zap.String("pattern", policy.Printable(name))
	}
	return zap.String("channel", policy.Printable(name))
}
