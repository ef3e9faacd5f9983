package relay

// Channels with history: how the relay's parts meet package history.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"redis-relay/relay/history"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// ears is the local side as the Feed sees it: see history.Listeners.
type ears Relay

// Deliver goes the way of every message from Redis. What was read from a stream comes now; what was held
// has come before.
func (e *ears) Deliver(d *resp.Delivery) {
	if d.Epoch == 0 {
		d.Epoch = e.epoch
	}
	now := e.rules.Load()
	rt := now.table.Lookup(d.Channel)
	counters := now.counters[rt.Index]
	counters.Received.Inc()
	counters.Delivered.Add(float64((*Relay)(e).deliver(now, rt, &e.feedNewest, d)))
}

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

// Watch keeps a channel subscribed for readers.
func (e *ears) Watch(channel string, done func(refused error)) {
	e.hub.Subscribe(e.watcher, resp.Message, []string{channel}, done)
}

// Unwatch ends Watch.
func (e *ears) Unwatch(channel string) {
	e.hub.Unsubscribe(e.watcher, resp.Message, []string{channel}, func() {})
}

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

// persist takes a message that is to be kept.
func (r *Relay) persist(p *respserver.Publication, policy *route.Policy, sent *publication) error {
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

// Query carries out a reading command on the stream of a channel, as it is.
func (r *Relay) Query(command string, channel []byte, rest [][]byte, done func(any, error)) {
	name := string(channel)
	if err := r.mustHaveHistory(name); err != nil {
		done(nil, err)
		return
	}
	var args []any
	for word := range strings.FieldsSeq(command) {
		args = append(args, word)
	}
	key := history.Key(name)
	args = append(args, key)
	for _, a := range rest {
		args = append(args, a)
	}
	r.redis.Ask(func(v any, err error) {
		var refused upstream.ReplyError
		switch {
		case errors.As(err, &refused): // it may name the key
			err = upstream.ReplyError(strings.ReplaceAll(string(refused), key, name))
		case err != nil:
			err = notRead(name, err)
		}
		done(v, err)
	}, args...)
}

// inOrder has read run in a goroutine of its own, which may wait for Redis, when all that was sent before has
// been carried out; and then the function that it returns, in the loop. ends are where the streams of
// channels ended by then.
func (r *Relay) inOrder(channels []string, read func(ends []*history.ID) (then func())) {
	history.Ends(r.redis, channels, func(ends []*history.ID) {
		r.reads.Go(func() { r.loop.Call(read(ends)) })
	})
}

// held has a Held called in the loop.
func (r *Relay) held(held respserver.Held) history.Held {
	return func(entries, bytes int) (err error) {
		if !r.loop.Call(func() { err = held(entries, bytes) }) {
			return context.Canceled
		}
		return err
	}
}

// Range reads a part of the stream of a channel.
func (r *Relay) Range(q respserver.Range, held respserver.Held, done func([]respserver.Entry, error)) {
	if err := r.mustHaveHistory(q.Channel); err != nil {
		done(nil, err)
		return
	}
	r.inOrder([]string{q.Channel}, func(ends []*history.ID) func() {
		part := history.Range(q)
		part.Until(ends[0])
		entries, err := r.pages.Range(context.Background(), part, r.held(held))
		if err != nil {
			err = notRead(q.Channel, err)
		}
		return func() { done(toEntries(entries), err) }
	})
}

// Read returns what the streams of channels hold behind positions.
func (r *Relay) Read(
	list []respserver.Position, count int, held respserver.Held, done func([]respserver.Stream, error),
) {
	positions, err := r.positions(list)
	if err != nil {
		done(nil, err)
		return
	}
	channels := make([]string, len(list))
	for i, p := range list {
		channels[i] = p.Channel
	}
	r.inOrder(channels, func(ends []*history.ID) func() {
		for i := range positions {
			positions[i].Until = ends[i]
		}
		ctx := context.Background()
		err := r.findLast(ctx, list, positions)
		var streams []history.Stream
		if err == nil {
			streams, err = r.pages.Behind(ctx, positions, count, r.held(held))
		}
		if err != nil {
			err = notRead(list[0].Channel, err)
		}
		return func() { done(toStreams(streams), err) }
	})
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
		part := history.Range{Command: "XREVRANGE", Channel: p.Channel, From: "+", To: "-", Count: 1}
		part.Until(positions[i].Until)
		last, err := r.pages.Range(ctx, part, func(int, int) error { return nil })
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

var _ history.Listeners = (*ears)(nil)
