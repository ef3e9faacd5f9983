package relay

// Reading the history of channels, for clients.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redis-relay/relay/history"
	"redis-relay/relay/loop"
	"redis-relay/relay/policy"
	"redis-relay/relay/respserver"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// streams is respserver.History. It belongs to the loop.
type streams struct {
	rules *atomic.Pointer[rules]
	loop  *loop.Loop
	sides sides
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
	from := s.of(name)
	key := from.pages.Names.Key(name)
	args = append(args, key)
	for _, a := range rest {
		args = append(args, a)
	}
	from.redis.Do(func(v any, err error) {
		var refused upstream.ReplyError
		switch {
		case errors.As(err, &refused): // it may name the key
			err = upstream.ReplyError(strings.ReplaceAll(string(refused), key, name))
		case err != nil:
			err = s.notRead(name, err)
		}
		done(v, err)
	}, args...)
}

// of returns the upstream of a channel.
func (s *streams) of(channel string) *side { return s.sides.of(s.rules.Load(), channel) }

// ofAll returns the upstream of channels. It must be the same for all: a read is one question.
func (s *streams) ofAll(list []stream.Position) (*side, error) {
	first := s.of(list[0].Channel)
	for _, p := range list[1:] {
		if other := s.of(p.Channel); other != first {
			return nil, fmt.Errorf("ERR %s is on the upstream %s, and %s on %s; read each by a command of its own",
				policy.Printable(list[0].Channel), first.name, policy.Printable(p.Channel), other.name)
		}
	}
	return first, nil
}

// notRead words an error of a question about a channel, by the names of its upstream.
func (s *streams) notRead(channel string, err error) error {
	return notRead(s.rules.Load().namesOf(channel), channel, err)
}

// inOrder has read run in a goroutine of its own, which may wait for Redis, when all that was sent before has
// been carried out; and then the function that it returns, in the loop. ends are where the streams of
// channels ended by then.
func (s *streams) inOrder(from *side, channels []string, read func(ends []*stream.ID) (then func())) {
	history.Ends(from.redis, from.pages.Names, channels, func(ends []*stream.ID) {
		s.reads.Go(func() { s.loop.Call(read(ends)) })
	})
}

// inLoop has progress called in the loop.
func (s *streams) inLoop(progress stream.Progress) stream.Progress {
	return func(entries, bytes int) (err error) {
		if !s.loop.Call(func() { err = progress(entries, bytes) }) {
			return context.Canceled
		}
		return err
	}
}

// Range reads a part of the stream of a channel.
func (s *streams) Range(q stream.Range, progress stream.Progress, done func([]stream.Entry, error)) {
	if err := s.rules.Load().MayRead(q.Channel); err != nil {
		done(nil, err)
		return
	}
	from := s.of(q.Channel)
	s.inOrder(from, []string{q.Channel}, func(ends []*stream.ID) func() {
		q.Until(ends[0])
		entries, err := from.pages.Range(context.Background(), q, s.inLoop(progress))
		if err != nil {
			err = s.notRead(q.Channel, err)
		}
		return func() { done(entries, err) }
	})
}

// Read returns what the streams of channels hold behind positions.
func (s *streams) Read(
	list []stream.Position, count int, progress stream.Progress, done func([]stream.Result, error),
) {
	cursors, from, err := s.cursors(list)
	if err != nil {
		done(nil, err)
		return
	}
	channels := make([]string, len(list))
	for i, p := range list {
		channels[i] = p.Channel
	}
	s.inOrder(from, channels, func(ends []*stream.ID) func() {
		for i := range cursors {
			cursors[i].Until = ends[i]
		}
		ctx := context.Background()
		err := s.findLast(ctx, from, list, cursors)
		var found []stream.Result
		if err == nil {
			found, err = from.pages.Behind(ctx, cursors, count, s.inLoop(progress))
		}
		if err != nil {
			err = s.notRead(list[0].Channel, err)
		}
		return func() { done(found, err) }
	})
}

// Await is Read for a client that waits.
func (s *streams) Await(list []stream.Position, count int, block time.Duration,
	done func([]stream.Result, error),
) (respserver.AwaitedRead, error) {
	cursors, from, err := s.cursors(list)
	if err != nil {
		return nil, err
	}
	if from.redis.IsFull() { // each channel is subscribed
		return nil, s.notRead(list[0].Channel, upstream.ErrBusy)
	}
	read := from.feed.Read(cursors, count, block, func(found []stream.Result, err error) {
		if err != nil {
			err = s.notRead(list[0].Channel, err)
		}
		done(found, err)
	})
	return awaitedRead{from.feed, read}, nil
}

// awaitedRead is respserver.AwaitedRead.
type awaitedRead struct {
	feed *history.Feed
	read *history.PendingRead
}

func (a awaitedRead) StopWaiting() { a.feed.StopWaiting(a.read) }
func (a awaitedRead) Cancel()      { a.feed.Cancel(a.read) }

// cursors returns where a read begins, and the upstream that it is of.
func (s *streams) cursors(list []stream.Position) (cursors []history.Cursor, from *side, err error) {
	cursors = make([]history.Cursor, len(list))
	for i, p := range list {
		if err := s.rules.Load().MayRead(p.Channel); err != nil {
			return nil, nil, err
		}
		cursors[i] = history.Cursor{Channel: p.Channel, Newest: p.After == "$"}
		if p.After == "$" || p.After == "+" {
			continue
		}
		if cursors[i].After, err = stream.ParseID([]byte(p.After), 0); err != nil {
			return nil, nil, err
		}
	}
	from, err = s.ofAll(list)
	return cursors, from, err
}

// findLast makes "+" the position before the last entry there is.
func (s *streams) findLast(ctx context.Context, from *side, list []stream.Position, cursors []history.Cursor) error {
	for i, p := range list {
		if p.After != "+" {
			continue
		}
		part := stream.Range{Command: "XREVRANGE", Channel: p.Channel, From: "+", To: "-", Count: 1}
		part.Until(cursors[i].Until)
		last, err := from.pages.Range(ctx, part, func(int, int) error { return nil })
		if err != nil {
			return s.notRead(p.Channel, err)
		}
		if len(last) > 0 {
			cursors[i].After = last[0].ID.Previous()
		}
	}
	return nil
}
