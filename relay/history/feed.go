package history

// The Feed: between the connection to Redis and the local listeners.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

const (
	maxHeld   = 32 << 20        // bytes of messages that wait for what came before them, over all channels
	maxRecent = 32 << 20        // bytes of entries kept for readers, over all channels
	maxLinger = 8 << 20         // bytes of channels that nobody reads any more, and that stay for a while
	tick      = 5 * time.Second // between two looks at what is known, also when all is quiet
)

// Loop is what the Feed needs of the event loop. It is loop.Loop.
type Loop interface {
	Post(f func()) bool
	AfterFunc(d time.Duration, f func()) *loop.Timer
}

// Main is what the Feed needs of the connection that brings the messages. It is upstream.Connection.
// Redis carries out in order what is sent on it. done is called once, in the loop, in order with the
// messages: those that Redis had sent before have gone through Control and Hear by then. It may be
// called at once.
type Main interface {
	Ask(done func(v any, err error), args ...any)
	Eval(s *upstream.Script, keys []string, done func(v any, err error), args ...any)
}

// Listeners is the local side. Its methods are called in the loop, and must not call the Feed.
type Listeners interface {
	// Deliver takes a message that was held or read.
	Deliver(d *resp.Delivery)
	// Names tells who hears a channel: whether by its name, and by which patterns. These are names that
	// Redis has subscribed. A name that was told to be released is not among them, though its listeners
	// may still be there.
	Names(channel string) (exact bool, patterns []string)
	// Patterns lists the patterns that may match a channel with history.
	Patterns() []string
	// Kept tells how long a stream is kept after its last entry; 0: for ever.
	Kept(channel string) time.Duration
	// Watch begins to subscribe a channel and its announcements for the Feed itself. done is called in
	// the loop, once, in order with the messages: with nil when Redis has confirmed both, or with the
	// error that it answered; then there is nothing to Unwatch. It may be called after Unwatch, too.
	// A watch lasts through losses of the connection, without another call of done.
	Watch(channel string, done func(refused error))
	// Unwatch ends Watch, whether done was called or not.
	Unwatch(channel string)
	// Room tells how many bytes more of a channel those take who hear it and read, and
	// whether nothing waits for any of them.
	Room(channel string) (bytes int, empty bool)
	// Missed tells of a gap that stays.
	Missed(g Gap)
}

// Feed hands messages of channels with history to local listeners: each entry once,
// in the order of the stream, through every loss of the connection. It belongs to the loop.
type Feed struct {
	// Fixed after construction.
	loop   Loop
	main   Main
	redis  Redis
	local  Listeners
	limits limits
	log    *zap.Logger

	channels  map[string]*channel
	known     known
	announced announcement
	past      past
	holding   holding
	up        bool   // all subscriptions stand
	lost      bool   // they stood, and do not yet stand again
	lives     uint64 // connections that came up, ever
	gaps      uint64 // told, ever

	asker   asker
	healer  healer
	pacer   pacer
	finder  finder
	readers readers
	ticker  *loop.Timer // nil: not started, or closed
	work    work
}

// limits may change at any time.
type limits struct {
	room    *atomic.Int64 // bytes that may be held, and kept
	payload *atomic.Int64 // bytes of a message for listeners
}

// upTo returns a bound, or the room there is if that is less.
func (l *limits) upTo(bound int64) int { return int(min(bound, l.room.Load())) }

// entry is how many bytes an entry may take that is read for listeners: a little more
// than they may be sent.
func (l *limits) entry() int { return int(min(l.payload.Load()+64<<10, maxEntry)) }

// NewFeed returns a Feed. room is how many bytes may be held, and how many kept for readers, but no
// more than 32 MiB of each are; payload how many a message for listeners may have. Both may change at
// any time. Nothing is asked before Start.
func NewFeed(
	l Loop, main Main, redis Redis, local Listeners, room, payload *atomic.Int64, log *zap.Logger,
) *Feed {
	f := &Feed{
		loop: l, main: main, redis: redis, local: local, limits: limits{room, payload}, log: log,
		channels: map[string]*channel{}, past: past{parted: map[string]ID{}},
	}
	f.known.feed, f.holding.limits = f, &f.limits
	f.asker = asker{feed: f, retry: retryMin}
	f.healer.feed, f.pacer.feed, f.finder.feed = f, f, f
	f.readers.begin(f)
	f.work.loop = l
	f.work.ctx, f.work.cancel = context.WithCancel(context.Background())
	return f
}

// Start begins to ask what has to be asked.
func (f *Feed) Start() { f.ticker = f.loop.AfterFunc(tick, f.ticked) }

// Close ends all questions and all timers. Readers that wait are not answered any more, and nothing else
// may be called but Stats and Wait.
func (f *Feed) Close() {
	f.up = false
	f.asker.stop()
	f.pacer.stop()
	f.finder.stop()
	f.readers.stop()
	if f.ticker != nil {
		f.ticker.Stop()
	}
	f.work.cancel()
}

// Wait returns when what the Feed runs beside the loop has ended, after Close. It may be called from
// anywhere but the loop.
func (f *Feed) Wait() { f.work.running.Wait() }

// work is what runs beside the loop, because it waits for answers of Redis.
type work struct {
	loop    Loop
	ctx     context.Context // ends with Close
	cancel  func()
	running sync.WaitGroup
}

// beside runs ask in a goroutine and then, in the loop, what it returns; not after Close.
func (w *work) beside(ask func(ctx context.Context) (then func())) {
	ctx := w.ctx
	if ctx.Err() != nil {
		return
	}
	w.running.Go(func() {
		then := ask(ctx)
		w.loop.Post(func() {
			if ctx.Err() == nil {
				then()
			}
		})
	})
}

// ticked lets channels go that nobody reads any more, compares some of the others with their streams, and
// has the time of Redis asked for, so that it is known of each moment whether what was published by then
// has come.
func (f *Feed) ticked() {
	f.ticker.Reset(tick)
	for _, c := range f.channels {
		f.readers.recents.expire(c)
		f.readers.watches.rest(c)
	}
	f.asker.compareSome()
	f.asker.askTime()
}

func (f *Feed) miss(g Gap) {
	f.gaps++
	f.log.Warn("messages are missing", g.fields()...)
	f.local.Missed(g)
}

// Stats is a snapshot for metrics.
type Stats struct {
	Channels int    // known
	Readers  int    // that wait
	Behind   int    // with entries missing at this moment
	Healed   uint64 // entries handed out after a loss, ever
	Gaps     uint64 // that stayed, ever
	Held     int    // bytes that wait
	Kept     int    // bytes kept for readers, those of channels that linger among them
}

// Stats returns the figures of this moment.
func (f *Feed) Stats() Stats {
	s := Stats{
		Channels: len(f.channels), Readers: f.readers.count, Healed: f.healer.healed, Gaps: f.gaps,
		Held: f.holding.bytes, Kept: f.readers.recents.bytes + f.readers.watches.lingering,
	}
	for _, c := range f.channels {
		if c.state == behind {
			s.Behind++
		}
	}
	return s
}
