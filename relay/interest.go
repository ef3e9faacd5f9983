package relay

// What the relay wants of Redis: what the hub wants, the announcements of names that may have a history, and
// its own channels.

import (
	"fmt"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"

	"redis-relay/relay/checks"
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
	last    *lastValues

	asked     wires
	shared    fold                        // the channels of sharded routes
	announced [resp.Kinds]map[string]bool // names whose announcements are subscribed, or about to be
	own       int                         // channels of the relay itself that Redis has confirmed
}

// Subscribe subscribes names.
func (i *interest) Subscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	i.last.asked(kind, names)
	i.apart(kind, names, done, i.subscribe, i.subscribeShared)
}

// subscribe subscribes names of their kind. Announcements come with them, in one command, so that no entry comes
// without one.
func (i *interest) subscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	now := i.rules.Load()
	i.asked.command++
	command, all := i.asked.command, make([]string, 0, len(names))
	var announced []string
	for _, name := range names {
		if now.MayHaveHistory(i.index, kind, name) {
			i.announce(kind, name)
			announced = append(announced, name)
			all = i.asked.add(all, kind, seq, name)
		}
		all = i.asked.add(all, kind, "", name)
	}
	i.mark(kind, names)
	i.redis.Subscribe(kind, all, func(lost bool, refused error) {
		switch {
		case lost:
		case refused == nil:
			i.confirmed(kind, announced)
		case kind == resp.PMessage && upstream.Lacks(refused):
			i.withdraw(command, kind, names, announced)
			refused = fmt.Errorf("%w (this Redis has no patterns: subscribe to channels by their names)", refused)
		case len(names) == 1 && len(announced) == 1:
			i.subscribeApart(command, kind, names[0], done)
			return
		default:
			i.withdraw(command, kind, names, announced)
			refused = i.worded(names, refused)
		}
		done(lost, refused)
	})
}

// withdraw notes that Redis has refused a command for names, of which some came with their announcements.
func (i *interest) withdraw(command int, kind resp.Kind, names, announced []string) {
	i.forget(kind, names)
	i.asked.refused(command, kind, seq, announced)
	i.unmark(kind, i.asked.refused(command, kind, "", names))
}

// worded has a refusal call a name as clients do.
func (i *interest) worded(names []string, refused error) error {
	if len(names) == 1 {
		return localWords(i.asked.names, names[0], refused)
	}
	return refused
}

// mark shows patterns to the other relays with the same prefix.
func (i *interest) mark(kind resp.Kind, names []string) {
	if kind == resp.PMessage && i.asked.names.Prefix() != "" {
		i.redis.Subscribe(resp.Message, i.asked.marks(names), func(bool, error) {})
	}
}

func (i *interest) unmark(kind resp.Kind, names []string) {
	if len(names) > 0 && kind == resp.PMessage && i.asked.names.Prefix() != "" {
		i.redis.Unsubscribe(resp.Message, i.asked.marks(names), func(bool, error) {})
	}
}

// Unsubscribe lets names go.
func (i *interest) Unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	i.last.asked(kind, names)
	i.apart(kind, names, done, i.unsubscribe, i.unsubscribeShared)
}

// unsubscribe lets names of their kind go, and behind each its announcements.
func (i *interest) unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	i.unmark(kind, names)
	if len(i.announced[kind]) > 0 || i.asked.names != nil {
		all := make([]string, 0, len(names))
		for _, name := range names {
			all = i.asked.remove(all, kind, "", name)
			if i.announced[kind][name] {
				all = i.asked.remove(all, kind, seq, name)
			}
		}
		i.forget(kind, names)
		names = all
	}
	if len(names) == 0 { // others have the same patterns at Redis
		i.redis.Fence(func(lost bool) { done(lost, nil) })
		return
	}
	i.redis.Unsubscribe(kind, names, done)
}

// Fence is upstream.Connection.Fence.
func (i *interest) Fence(_ resp.Kind, _ []string, done func(lost bool)) { i.redis.Fence(done) }

// confirmed says that Redis has confirmed a command. names are those of it that it has subscribed with their
// announcements, whatever was asked for since.
func (i *interest) confirmed(kind resp.Kind, names []string) {
	i.outlets.confirm(i.index)
	for _, name := range names {
		switch kind {
		case resp.Message:
			i.feed.Subscribed(name)
		case resp.PMessage:
			i.feed.SubscribedPattern()
		}
	}
}

// IsFull is upstream.Connection.IsFull.
func (i *interest) IsFull() bool { return i.redis.IsFull() }

// AwaitRoom is upstream.Connection.AwaitRoom.
func (i *interest) AwaitRoom(done func()) { i.redis.AwaitRoom(done) }

// Learn finds out what new listeners of channels get first.
func (i *interest) Learn(channels []string, done func()) bool {
	return i.last.learn(i.side, channels, done)
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
		i.last.missed([]byte(name))
	case resp.PMessage:
		i.feed.InterruptedPattern(name)
	}
}

// Refused says that Redis will not subscribe a name.
func (i *interest) Refused(kind resp.Kind, name string, err error) {
	facts := []zap.Field{nameField(kind, name), zap.Error(err)}
	wire := i.asked.of(kind, "", name)[0]
	if of, ok := strings.CutPrefix(name, seq); ok {
		wire = i.asked.of(kind, seq, of)[0]
	}
	if missing := upstream.MissingRule(err, "&"+wire); missing != "" {
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
	over := false // Redis has refused one of the channels
	for _, channel := range i.fleet.Channels() {
		i.redis.Subscribe(kind, []string{channel}, func(lost bool, refused error) {
			switch {
			case lost:
			case refused == nil:
				i.own++
			case !over:
				over = true
				i.fleetRefused(kind, refused)
			}
		})
	}
}

func (i *interest) fleetRefused(kind resp.Kind, refused error) {
	if kind == resp.SMessage && upstream.Lacks(refused) {
		i.joinFleet(resp.Message)
		return
	}
	advice := upstream.Advice(refused, "&"+i.asked.names.Own("relay:*"))
	i.teller.Log(notice.FleetRefused.With(advice), i.about(zap.Error(refused))...)
}

// count returns how many subscriptions the hub does not know of.
func (i *interest) count() (n int) {
	n = i.own + i.asked.hidden(len(i.announced[resp.PMessage])) + i.marked()
	return n + len(i.announced[resp.Message]) + len(i.announced[resp.SMessage])
}

// others returns how many of the patterns on Redis are announcements', or the second one of a name.
func (i *interest) others() int64 { return int64(i.asked.hidden(len(i.announced[resp.PMessage]))) }

// marked counts the channels that show patterns.
func (i *interest) marked() int {
	if i.asked.names.Prefix() == "" {
		return 0
	}
	return i.asked.patterns
}

// lost forgets what Redis had subscribed.
func (i *interest) lost() {
	i.asked.lost()
	i.announced, i.own, i.shared.wanted = [resp.Kinds]map[string]bool{}, 0, nil
}

var _ hub.Upstream = (*interest)(nil)

// nameField is the name of a channel or of a pattern in a log line.
func nameField(kind resp.Kind, name string) zap.Field {
	if kind == resp.PMessage {
		return zap.String("pattern", policy.Printable(name))
	}
	return zap.String("channel", policy.Printable(name))
}
