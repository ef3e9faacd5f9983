package relay

// Reading the history of channels, for clients.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redis-relay/relay/history"
	"redis-relay/relay/loop"
	"redis-relay/relay/respserver"
	"redis-relay/relay/upstream"
)

// streams is respserver.History. It belongs to the loop.
type streams struct {
	rules *atomic.Pointer[rules]
	loop  *loop.Loop
	redis *upstream.Connection
	feed  *history.Feed
	pages *history.Pages
	reads sync.WaitGroup // of goroutines
}

// Query carries out a reading command on the stream of a channel, as it is.
func (s *streams) Query(command string, channel []byte, rest [][]byte, done func(any, error)) {
	name := string(channel)
	if err := s.rules.Load().MayRead(name); err != nil {
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
	s.redis.Ask(func(v any, err error) {
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
func (s *streams) inOrder(channels []string, read func(ends []*history.ID) (then func())) {
	history.Ends(s.redis, channels, func(ends []*history.ID) {
		s.reads.Go(func() { s.loop.Call(read(ends)) })
	})
}

// inLoop has progress called in the loop.
func (s *streams) inLoop(progress respserver.ReadProgress) history.Held {
	return func(entries, bytes int) (err error) {
		if !s.loop.Call(func() { err = progress(entries, bytes) }) {
			return context.Canceled
		}
		return err
	}
}

// Range reads a part of the stream of a channel.
func (s *streams) Range(q respserver.Range, progress respserver.ReadProgress, done func([]respserver.Entry, error)) {
	if err := s.rules.Load().MayRead(q.Channel); err != nil {
		done(nil, err)
		return
	}
	s.inOrder([]string{q.Channel}, func(ends []*history.ID) func() {
		part := history.Range(q)
		part.Until(ends[0])
		entries, err := s.pages.Range(context.Background(), part, s.inLoop(progress))
		if err != nil {
			err = notRead(q.Channel, err)
		}
		return func() { done(toEntries(entries), err) }
	})
}

// Read returns what the streams of channels hold behind positions.
func (s *streams) Read(
	list []respserver.Position, count int, progress respserver.ReadProgress, done func([]respserver.Stream, error),
) {
	positions, err := s.positions(list)
	if err != nil {
		done(nil, err)
		return
	}
	channels := make([]string, len(list))
	for i, p := range list {
		channels[i] = p.Channel
	}
	s.inOrder(channels, func(ends []*history.ID) func() {
		for i := range positions {
			positions[i].Until = ends[i]
		}
		ctx := context.Background()
		err := s.findLast(ctx, list, positions)
		var found []history.Stream
		if err == nil {
			found, err = s.pages.Behind(ctx, positions, count, s.inLoop(progress))
		}
		if err != nil {
			err = notRead(list[0].Channel, err)
		}
		return func() { done(toStreams(found), err) }
	})
}

// Await is Read for a client that waits.
func (s *streams) Await(list []respserver.Position, count int, block time.Duration,
	done func([]respserver.Stream, error),
) (cancel func(), err error) {
	positions, err := s.positions(list)
	if err != nil {
		return nil, err
	}
	read := s.feed.Read(positions, count, block, func(found []history.Stream, err error) {
		if err != nil {
			err = notRead(list[0].Channel, err)
		}
		done(toStreams(found), err)
	})
	return func() { s.feed.Cancel(read) }, nil
}

func (s *streams) positions(list []respserver.Position) ([]history.Position, error) {
	positions := make([]history.Position, len(list))
	for i, p := range list {
		if err := s.rules.Load().MayRead(p.Channel); err != nil {
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
func (s *streams) findLast(ctx context.Context, list []respserver.Position, positions []history.Position) error {
	for i, p := range list {
		if p.After != "+" {
			continue
		}
		part := history.Range{Command: "XREVRANGE", Channel: p.Channel, From: "+", To: "-", Count: 1}
		part.Until(positions[i].Until)
		last, err := s.pages.Range(ctx, part, func(int, int) error { return nil })
		if err != nil {
			return notRead(p.Channel, err)
		}
		if len(last) > 0 {
			positions[i].After = last[0].ID.Previous()
		}
	}
	return nil
}

func toStreams(list []history.Stream) (answer []respserver.Stream) {
	for _, s := range list {
		answer = append(answer, respserver.Stream{Channel: s.Channel, Entries: toEntries(s.Entries)})
	}
	return answer
}

func toEntries(list []history.Entry) []respserver.Entry {
	entries := make([]respserver.Entry, len(list))
	for i, e := range list {
		entries[i] = respserver.Entry{ID: e.ID.String(), Fields: e.Fields}
	}
	return entries
}
