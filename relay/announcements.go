package relay

// The announcements of names that may have a history: they come with the names, and go with them.

import (
	"fmt"

	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

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
func (i *interest) subscribeApart(command int, kind resp.Kind, name string, done func(lost bool, refused error)) {
	one := []string{name}
	announcements, own := i.asked.of(kind, seq, name), i.asked.of(kind, "", name)
	i.redis.Subscribe(kind, announcements, func(lost bool, refused error) {
		if lost || refused != nil {
			if refused != nil {
				i.withdraw(command, kind, one, one)
				refused = fmt.Errorf("%w (the relay announces the history of %s on %s%s)", refused, policy.Printable(name),
					policy.Printable(announcements[0]), allowing(refused, "&"+policy.Printable(announcements[0])))
			}
			done(lost, refused)
			return
		}
		i.redis.Subscribe(kind, own, func(lost bool, refused error) {
			if refused != nil {
				i.unsubscribeRefused(command, kind, name)
				refused = i.worded(one, refused)
			} else if !lost {
				i.confirmed(kind, one)
			}
			done(lost, refused)
		})
	})
}

// unsubscribeRefused lets the announcements of a name go that Redis has refused.
func (i *interest) unsubscribeRefused(command int, kind resp.Kind, name string) {
	i.forget(kind, []string{name})
	i.unmark(kind, i.asked.refused(command, kind, "", []string{name}))
	if announcements := i.asked.remove(nil, kind, seq, name); len(announcements) > 0 {
		i.redis.Unsubscribe(kind, announcements, func(bool, error) {})
	}
}

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

// follow does what a reload asks for: routes may have got a history, or lost theirs, or be on another upstream. Readers
// that wait for entries of a channel that is not here any more are told, also while there is no connection.
func (i *interest) follow() {
	now := i.rules.Load()
	for name := range i.feed.Channels() {
		switch {
		case !now.MayHaveHistory(i.index, resp.Message, name):
			i.feed.Forget(name)
		case now.Route([]byte(name)).Upstream.Index != i.index:
			i.feed.EndReaders(name)
		}
	}
	for _, kind := range []resp.Kind{resp.Message, resp.PMessage} {
		for _, name := range i.hub.Requested(kind) { // not those that are being let go
			switch has, want := i.announced[kind][name], now.MayHaveHistory(i.index, kind, name); {
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
	i.asked.command++
	command := i.asked.command
	i.redis.Subscribe(kind, i.asked.add(nil, kind, seq, name), func(lost bool, refused error) {
		switch {
		case lost:
		case refused != nil:
			i.forget(kind, []string{name})
			i.asked.refused(command, kind, seq, []string{name})
			i.Refused(kind, history.SeqPrefix+name, refused)
			i.hub.Disconnect(kind, name, hub.ReasonRefused)
		default:
			i.confirmed(kind, []string{name})
		}
	})
}

// dropAnnouncements lets the announcements of a name go. If it is a channel, the Feed has forgotten it already.
func (i *interest) dropAnnouncements(kind resp.Kind, name string) {
	i.forget(kind, []string{name})
	if announcements := i.asked.remove(nil, kind, seq, name); len(announcements) > 0 && i.redis.Connected() {
		i.redis.Unsubscribe(kind, announcements, func(bool, error) {})
	}
}
