package relay

// A reload that changes what Redis calls channels.

import (
	"slices"
	"time"

	"redis-relay/relay/hub"
	"redis-relay/relay/names"
	"redis-relay/relay/notice"
	"redis-relay/relay/resp"
)

// rename moves the subscriptions to the names of new rules, and returns the names of the hub that have moved. Redis is
// asked for the new names first, but not for names that leave this upstream: the hub lets those go next. What is
// published from here on by this relay is heard; what others publish until the new names are confirmed, or under the
// old ones, is not.
func (i *interest) rename(m *names.Map) (moved []resp.Name) {
	old := i.asked
	if old.names.Same(m) {
		i.asked.names = m // which has the routes of now
		return nil
	}
	i.feed.ForgetWhere(func(channel string) bool { return old.names.Of("", channel) != m.Of("", channel) })
	i.asked = wires{names: m}
	for kind := range resp.Kind(resp.Kinds) {
		moved = append(moved, i.renameKind(&old, kind)...)
	}
	moved = append(moved, i.renameShared(m)...)
	i.asked.command = old.command
	return moved
}

// renameKind moves the names of one kind.
func (i *interest) renameKind(old *wires, kind resp.Kind) (moved []resp.Name) {
	var wanted, unwanted, announced, changed []string
	stay, now := map[string]bool{}, i.rules.Load()
	move := func(own, name string) bool {
		i.asked.command = old.added[wired{own, name}] // whose refusal may still come
		was, is := old.of(kind, own, name), i.asked.add(nil, kind, own, name)
		for _, wire := range is {
			stay[wire] = true
		}
		if slices.Equal(was, is) {
			return false
		}
		unwanted = append(unwanted, was...)
		if !now.places(kind, name).Has(i.index) {
			return false
		}
		wanted = append(wanted, is...)
		return true
	}
	for _, name := range i.hub.Requested(kind) {
		if i.shared.has(name) {
			continue
		}
		if i.announced[kind][name] && move(seq, name) {
			announced = append(announced, name)
		}
		if move("", name) {
			changed = append(changed, name)
			moved = append(moved, resp.Name{Kind: kind, Text: name})
		}
	}
	if i.redis.Connected() {
		unwanted = slices.DeleteFunc(unwanted, func(wire string) bool { return stay[wire] })
		i.subscribeMoved(kind, changed, announced, wanted)
		i.unsubscribeMoved(kind, unwanted)
	}
	return moved
}

// subscribeMoved asks for new names at Redis. If it refuses them, the listeners of all that moved are disconnected, and
// are told why when they come back.
func (i *interest) subscribeMoved(kind resp.Kind, changed, announced, wanted []string) {
	if len(wanted) == 0 {
		return
	}
	slices.Sort(wanted)
	i.redis.Subscribe(kind, slices.Compact(wanted), func(lost bool, refused error) {
		switch {
		case lost:
		case refused != nil:
			for _, name := range changed {
				i.Refused(kind, name, refused)
				i.hub.Disconnect(kind, name, hub.ReasonRefused)
			}
		default:
			i.confirmed(kind, announced)
		}
	})
}

func (i *interest) unsubscribeMoved(kind resp.Kind, unwanted []string) {
	slices.Sort(unwanted)
	if unwanted = slices.Compact(unwanted); len(unwanted) > 0 {
		i.redis.Unsubscribe(kind, unwanted, func(bool, error) {})
	}
}

// renamed tells of channels with some prefixes that a reload has moved to other names at Redis. moved are the names by
// which somebody here hears them.
func (g *gaps) renamed(prefixes []string, moved []resp.Name) {
	if len(moved) == 0 {
		return
	}
	at := time.Now()
	g.end(g.rules.Load(), moved)
	g.teller.Send(notice.RenameGap, notice.Event{
		Cause: "a reload has changed what their channels are called at Redis", Since: &at, Until: &at, Prefixes: prefixes,
	})
}
