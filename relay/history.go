package relay

// Channels with history: how the relay's parts meet package history.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// ears is the local side as the Feed sees it: see history.Listeners.
type ears Relay

// Deliver goes the way of every message from Redis. Feed.mu guards feedNewest.
func (e *ears) Deliver(d *resp.Delivery) {
	now := e.rules.Load()
	rt := now.table.Lookup(d.Channel)
	counters := now.counters[rt.Index]
	counters.Received.Inc()
	counters.Delivered.Add(float64((*Relay)(e).deliver(now, rt, &e.feedNewest, d)))
}

func (e *ears) Flush() { (*Relay)(e).flush() }

// Names tells who hears a channel.
func (e *ears) Names(channel string) (exact bool, patterns []string) {
	return e.hub.Hearers([]byte(channel))
}

// Patterns lists the patterns that may match a channel with history.
func (e *ears) Patterns() (list []string) {
	now := e.rules.Load()
	for _, p := range e.hub.Names(resp.PMessage) {
		if now.historic(resp.PMessage, p) {
			list = append(list, p)
		}
	}
	return list
}

// Kept tells how long a stream is kept after its last entry; 0: for ever.
func (e *ears) Kept(channel string) time.Duration {
	return e.rules.Load().table.Lookup([]byte(channel)).HistoryTTL()
}

// patience is how long a heal waits for a listener that takes nothing.
const patience = 2 * time.Second

// Room tells how much of a channel its listeners take. What is still to be checked
// has not reached them.
func (e *ears) Room(channel string) (bytes int, empty bool) {
	if e.checks.holds([]byte(channel)) {
		return 0, false
	}
	return e.hub.Room([]byte(channel), patience)
}

func (e *ears) Watch(channel string) (held bool) { return e.hub.Watch(channel) }
func (e *ears) Unwatch(channel string)           { e.hub.Unwatch(channel) }

// Missed tells of messages that could not be had back, in the way the route asks
// for.
func (e *ears) Missed(g history.Gap) {
	r := (*Relay)(e)
	now := r.rules.Load()
	event := Event{
		Event: "gap", Time: time.Now(), Cause: g.Cause, Channel: g.Channel, Pattern: g.Pattern, Missing: g.Missing,
	}
	if !g.After.IsZero() {
		event.After = g.After.String()
	}
	if !g.Before.IsZero() {
		event.Before = g.Before.String()
	}
	if !g.Entry.IsZero() {
		event.Entry, event.Size = g.Entry.String(), g.Size
	}
	concerned := []heardName{{resp.PMessage, g.Pattern}}
	if g.Channel != "" {
		event.Prefixes = []string{now.table.Lookup([]byte(g.Channel)).Prefix}
		concerned = r.hearers(g.Channel)
	}
	r.endForGap(now, concerned)
	r.tell(EventsChannel, event)
}

// interest is what the relay wants of Redis: what the hub wants, with a name that may
// catch history the announcements of it, and the channels of the fleet.
type interest struct {
	relay *Relay

	mu        sync.Mutex                  // Guards what follows; taken under Hub.mu.
	announced [resp.Kinds]map[string]bool // false: Redis refused the announcements
	fenced    bool                        // the Feed's tokens come back
	fleetKind resp.Kind                   // of the fleet's channels; Message where Redis has no shard channels
}

// Want says what is wanted. Announcements are asked for first, and let go last, so
// that no entry comes without one.
func (i *interest) Want(kind resp.Kind, name string, want bool) (held bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	up := i.relay.subscriber
	asked, has := i.announced[kind][name]
	if want && !asked && i.relay.rules.Load().historic(kind, name) {
		i.add(kind, name)
	}
	held = up.Want(kind, name, want)
	if !want && has {
		delete(i.announced[kind], name)
		up.Want(kind, history.SeqPrefix+name, false)
	}
	return held && (!want || i.hasAnnouncements(kind, name))
}

// Held tells whether Redis has a name subscribed, with its announcements if it has
// any.
func (i *interest) Held(kind resp.Kind, name string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.relay.subscriber.Held(kind, name) && i.hasAnnouncements(kind, name)
}

func (i *interest) hasAnnouncements(kind resp.Kind, name string) bool {
	_, has := i.announced[kind][name]
	return !has || i.relay.subscriber.Held(kind, history.SeqPrefix+name)
}

// refused notes that Redis does not let announcements be heard: they are asked for
// again when the name is wanted again.
func (i *interest) refused(kind resp.Kind, name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, has := i.announced[kind][name]; has {
		i.announced[kind][name] = false
	}
}

// joinFleet has the questions of other relays come, and the answers to our own.
func (i *interest) joinFleet() {
	i.fleetKind = resp.SMessage
	for _, channel := range i.relay.fleet.Channels() {
		i.relay.subscriber.Want(resp.SMessage, channel, true)
	}
}

// withoutShards reports whether Redis refused one of the fleet's channels because it has no shard channels, which came
// with 7.0. Then the relay asks for the ordinary channel of that name.
func (i *interest) withoutShards(kind resp.Kind, name string, err error) bool {
	if kind != resp.SMessage || !slices.Contains(i.relay.fleet.Channels(), name) || !fleet.NoShards(err) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fleetKind = resp.Message
	i.relay.subscriber.Want(resp.Message, name, true)
	return true
}

// fence has the Feed's tokens come back, if anything is kept at all.
func (i *interest) fence() {
	want := i.relay.rules.Load().history()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fenced != want {
		i.fenced = want
		i.relay.subscriber.Want(resp.Message, i.relay.feed.Fence(), want)
	}
}

// lost wants once more what the hub does not know of, or does not know to be held:
// the connection is gone.
func (i *interest) lost() {
	i.mu.Lock()
	defer i.mu.Unlock()
	up := i.relay.subscriber
	i.joinFleet()
	if i.fenced {
		up.Want(resp.Message, i.relay.feed.Fence(), true)
	}
	for kind := range i.announced {
		for name := range i.announced[kind] {
			i.add(resp.Kind(kind), name)
			up.Want(resp.Kind(kind), name, true)
		}
	}
}

// count returns how many subscriptions the hub does not know of.
func (i *interest) count() (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, channel := range i.relay.fleet.Channels() {
		if i.relay.subscriber.Held(i.fleetKind, channel) { // an ACL may refuse it
			n++
		}
	}
	if i.fenced {
		n++
	}
	for _, names := range i.announced {
		n += len(names)
	}
	return n
}

// patterns returns how many of the patterns on Redis are announcements'.
func (i *interest) patterns() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return int64(len(i.announced[resp.PMessage]))
}

// follow makes the announcements those of names that may catch history by the rules
// of now, and returns the names that no longer do.
func (i *interest) follow(kind resp.Kind, names []string) (dropped []string) {
	now := i.relay.rules.Load()
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, name := range names {
		_, has := i.announced[kind][name]
		switch want := now.historic(kind, name); {
		case has == want:
			continue
		case want:
			i.add(kind, name)
		default:
			delete(i.announced[kind], name)
			dropped = append(dropped, name)
			i.relay.subscriber.Want(kind, history.SeqPrefix+name, false)
		}
	}
	return dropped
}

func (i *interest) add(kind resp.Kind, name string) {
	if i.announced[kind] == nil {
		i.announced[kind] = map[string]bool{}
	}
	i.announced[kind][name] = true
	i.relay.subscriber.Want(kind, history.SeqPrefix+name, true)
}

// followHistory does what a reload asks for: routes may have got a history, or lost
// theirs.
func (r *Relay) followHistory() {
	r.interest.fence()
	for _, name := range r.interest.follow(resp.Message, r.hub.Names(resp.Message)) {
		r.feed.Forget(name)
	}
	r.interest.follow(resp.PMessage, r.hub.Names(resp.PMessage))
}

// persist takes a message that is to be kept.
func (r *Relay) persist(p respserver.Publication, policy *route.Policy, sent *publication) error {
	return r.writer.Write(p.From, history.Message{
		Channel: p.Channel, Field: p.Field, Payload: p.Payload,
		Length: policy.History.Length, TTL: policy.History.TTL,
	}, (*persisted)(sent))
}

// persisted is a message on its way into history. It is history.Receipt.
type persisted publication

// Persisted passes on what became of it.
func (p *persisted) Persisted(id string, receivers int64, err error) {
	sent := (*publication)(p)
	if err != nil {
		sent.receipt.Published(0, "", sent.relay.failed(sent, err))
		return
	}
	sent.counters.Published.Inc()
	sent.receipt.Published(sent.reached(receivers), id, nil)
}

// Flush lets the answers out.
func (p *persisted) Flush() { p.receipt.Flush() }

// Query carries out a reading command on the stream of a channel, as it is.
func (r *Relay) Query(ctx context.Context, command string, channel []byte, rest [][]byte) (any, error) {
	if err := r.mustHaveHistory(string(channel)); err != nil {
		return nil, err
	}
	var args []any
	for word := range strings.FieldsSeq(command) {
		args = append(args, word)
	}
	key := history.Key(string(channel))
	args = append(args, key)
	for _, a := range rest {
		args = append(args, a)
	}
	v, err := r.publisher.Do(ctx, args...)
	var refused upstream.ReplyError
	switch {
	case errors.As(err, &refused): // it may name the key
		return nil, upstream.ReplyError(strings.ReplaceAll(string(refused), key, string(channel)))
	case err != nil:
		return nil, notRead(string(channel), err)
	}
	return v, nil
}

// Range reads a part of the stream of a channel.
func (r *Relay) Range(ctx context.Context, q respserver.Range, held respserver.Held) ([]respserver.Entry, error) {
	if err := r.mustHaveHistory(q.Channel); err != nil {
		return nil, err
	}
	entries, err := r.pages.Range(ctx, history.Range(q), history.Held(held))
	if err != nil {
		return nil, notRead(q.Channel, err)
	}
	return toEntries(entries), nil
}

// Read returns what the streams of channels hold behind positions.
func (r *Relay) Read(
	ctx context.Context, list []respserver.Position, count int, held respserver.Held,
) ([]respserver.Stream, error) {
	positions, err := r.positions(list)
	if err != nil {
		return nil, err
	}
	if err := r.findLast(ctx, list, positions); err != nil {
		return nil, err
	}
	streams, err := r.pages.Behind(ctx, positions, count, history.Held(held))
	if err != nil {
		return nil, notRead(list[0].Channel, err)
	}
	return toStreams(streams), nil
}

// Await is Read for a client that waits.
func (r *Relay) Await(list []respserver.Position, count int, block time.Duration,
	done func([]respserver.Stream, error),
) (cancel func(), err error) {
	positions, err := r.positions(list)
	if err != nil {
		return nil, err
	}
	read := r.feed.Read(positions, count, block, func(streams []history.Stream, err error) {
		if err != nil {
			err = notRead(list[0].Channel, err)
		}
		done(toStreams(streams), err)
	})
	return func() { r.feed.Cancel(read) }, nil
}

func (r *Relay) positions(list []respserver.Position) ([]history.Position, error) {
	positions := make([]history.Position, len(list))
	for i, p := range list {
		if err := r.mustHaveHistory(p.Channel); err != nil {
			return nil, err
		}
		positions[i] = history.Position{Channel: p.Channel, Newest: p.After == "$"}
		if p.After == "$" || p.After == "+" {
			continue
		}
		var err error
		if positions[i].After, err = history.ParseID([]byte(p.After), 0); err != nil {
			return nil, err
		}
	}
	return positions, nil
}

// findLast makes "+" the position before the last entry there is.
func (r *Relay) findLast(ctx context.Context, list []respserver.Position, positions []history.Position) error {
	for i, p := range list {
		if p.After != "+" {
			continue
		}
		last, err := r.pages.Range(ctx, history.Range{
			Command: "XREVRANGE", Channel: p.Channel, From: "+", To: "-", Count: 1,
		}, func(int, int) error { return nil })
		if err != nil {
			return notRead(p.Channel, err)
		}
		if len(last) > 0 {
			positions[i].After = last[0].ID.Previous()
		}
	}
	return nil
}

func toStreams(list []history.Stream) []respserver.Stream {
	var streams []respserver.Stream
	for _, s := range list {
		streams = append(streams, respserver.Stream{Channel: s.Channel, Entries: toEntries(s.Entries)})
	}
	return streams
}

func toEntries(list []history.Entry) []respserver.Entry {
	entries := make([]respserver.Entry, len(list))
	for i, e := range list {
		entries[i] = respserver.Entry{ID: e.ID.String(), Fields: e.Fields}
	}
	return entries
}

// mustHaveHistory refuses to read what is not kept.
func (r *Relay) mustHaveHistory(channel string) error {
	rt := r.rules.Load().table.Lookup([]byte(channel))
	switch {
	case route.IsReserved([]byte(channel)):
		return &Refusal{Denied, channel, "nothing is kept of the relay's own channels"}
	case !rt.HasHistory():
		return &Refusal{Denied, channel, noHistory(rt)}
	}
	return nil
}

// noHistory words why nothing is kept of a route's channels.
func noHistory(rt *route.Route) string {
	if rt.Prefix == "" && rt.Name != "" {
		return "nothing is kept of this channel, which no route covers; add one with a history to relay.yaml"
	}
	return fmt.Sprintf("nothing is kept of this channel; give route %q a history in relay.yaml", rt.Prefix)
}

// mayPersist says why a message cannot be kept as it is asked to be, or nil.
func mayPersist(rt *route.Route, policy *route.Policy, p *respserver.Publication) *Refusal {
	switch {
	case p.Kind == resp.SMessage && policy.History != nil:
		return &Refusal{Denied, string(p.Channel), "messages with history are published with PUBLISH or XADD, " +
			"not to a shard channel"}
	case p.Field != nil && !rt.HasHistory():
		return &Refusal{Denied, string(p.Channel), noHistory(rt) + ", or PUBLISH the message"}
	case p.Field != nil && policy.History == nil:
		return &Refusal{Denied, string(p.Channel), "messages of this kind have no history; PUBLISH it"}
	}
	return nil
}

var (
	_ history.Listeners = (*ears)(nil)
	_ hub.Upstream      = (*interest)(nil)
)
