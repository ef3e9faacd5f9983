package history

// The Feed: its parts, its beginning and its end.

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// tick is between two looks at the channels, also when all is quiet.
const tick = 5 * time.Second

// Loop is what the Feed needs of the event loop. It is loop.Loop.
type Loop interface {
	Post(f func()) bool
	AfterFunc(d time.Duration, f func()) *loop.Timer
}

// MainConn is the connection that brings the messages, as far as the Feed needs it. It is upstream.Connection.
// Redis carries out its commands in order. done is called once, in the loop, perhaps at once, and in order with the
// messages: those that Redis had sent before have gone through Control and Accept.
type MainConn interface {
	Do(done func(v any, err error), args ...any)
	Eval(s *upstream.Script, keys []string, done func(v any, err error), args ...any)
}

// Listeners is the local side. The loop calls its methods, which must not call the Feed.
type Listeners interface {
	// Deliver takes a message that was held or read.
	Deliver(d *resp.Delivery)
	// Names returns the names that listeners of a channel are subscribed to: whether its own, and which patterns.
	// Redis may have ended such a name already, or may not have it back yet after a loss: see IsSent.
	Names(channel string) (exact bool, patterns []string)
	// IsSent tells whether Redis sends a channel now, by its name or by a pattern, as far as it has confirmed.
	IsSent(channel string) bool
	// Patterns lists the patterns that may match a channel with history.
	Patterns() []string
	// StreamTTL returns how long a stream is kept after its last entry; 0: for ever.
	StreamTTL(channel string) time.Duration
	// Subscribe begins to subscribe a channel and its announcements for the Feed itself. done is called in
	// the loop, once, in order with the messages: with nil when Redis has confirmed both, or with the
	// error that it answered; then there is nothing to Unsubscribe. It may be called after Unsubscribe, too.
	// The subscription lasts through losses of the connection, without another call of done.
	Subscribe(channel string, done func(refused error))
	// Unsubscribe ends Subscribe, whether done was called or not.
	Unsubscribe(channel string)
	// Room returns how many more bytes of a channel its listeners take, but for those that do not read, and
	// whether nothing waits for any of them.
	Room(channel string) (bytes int, empty bool)
	// Missed tells of a gap that stays.
	Missed(g Gap)
}

// Feed hands messages of channels with history to local listeners: each entry once,
// in the order of the stream, through every loss of the connection. It belongs to the loop, but for Wait.
type Feed struct {
	*given
	link link

	// What is known.
	channels  channels
	announced announcement
	past      past
	holding   holding

	// What is done about it.
	asker   asker
	healer  healer
	pacer   pacer
	finder  finder
	readers readers
	gaps    gaps
	ticker  *loop.Timer // nil: not started
	work    work
}

// given is what a Feed was made of. It is fixed after construction.
type given struct {
	loop     Loop
	main     MainConn
	readConn ReadConn
	local    Listeners
	names    Names
	limits   limits
	log      *zap.Logger
}

// limits are bounds that may change at any time.
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
// more than 32 MiB of each are; payload is how many bytes a message for listeners may have. Both may change at
// any time. Nothing is asked before Start.
func NewFeed(
	l Loop, main MainConn, readConn ReadConn, local Listeners, names Names, room, payload *atomic.Int64, log *zap.Logger,
) *Feed {
	f := &Feed{given: &given{l, main, readConn, local, names, limits{room, payload}, log}}
	f.work.loop = l
	f.work.ctx, f.work.cancel = context.WithCancel(context.Background())
	f.past.lastIDs = map[string]stream.ID{}
	f.connect()
	return f
}

// connect tells each part of those that it needs.
func (f *Feed) connect() {
	f.gaps.given = f.given
	f.holding.limits = &f.limits
	f.channels = channels{
		given: f.given, byName: map[string]*channel{}, link: &f.link, announced: &f.announced, past: &f.past,
		holding: &f.holding, asker: &f.asker, readers: &f.readers,
	}
	f.asker = asker{
		given: f.given, link: &f.link, channels: &f.channels, past: &f.past, healer: &f.healer, readers: &f.readers,
		retry: retryMin,
	}
	f.healer = healer{
		given: f.given, channels: &f.channels, past: &f.past, holding: &f.holding, asker: &f.asker, pacer: &f.pacer,
		readers: &f.readers, gaps: &f.gaps,
	}
	f.pacer = pacer{given: f.given, channels: &f.channels, holding: &f.holding, asker: &f.asker, healer: &f.healer}
	f.finder = finder{
		given: f.given, link: &f.link, channels: &f.channels, past: &f.past, gaps: &f.gaps, work: &f.work,
	}
	f.readers.connect(f)
}

// Start begins to ask Redis. It is called once.
func (f *Feed) Start() { f.ticker = f.loop.AfterFunc(tick, f.ticked) }

// Close ends all questions and all timers. Readers that wait are not answered any more. Only Stats and Wait may
// be called afterwards.
func (f *Feed) Close() {
	f.link.up = false
	f.asker.stop()
	f.pacer.stop()
	f.finder.stop()
	f.readers.stop()
	if f.ticker != nil {
		f.ticker.Stop()
	}
	f.work.cancel()
}

// Wait returns when the goroutines of the Feed have ended, after Close. It may be called from
// anywhere but the loop.
func (f *Feed) Wait() { f.work.running.Wait() }

// ticked unsubscribes channels without readers, compares some of the others with their streams, and
// asks for the time of Redis: so the Feed knows up to when all messages have come.
func (f *Feed) ticked() {
	f.ticker.Reset(tick)
	for _, c := range f.channels.byName {
		f.readers.recents.expire(c)
		f.readers.subscriptions.expireIdle(c)
	}
	f.asker.compareSome()
	f.asker.askTime()
}

// Stats is a snapshot for metrics.
type Stats struct {
	Channels int    // known channels
	Readers  int    // readers that wait
	Behind   int    // channels with entries missing at this moment
	Healed   uint64 // entries delivered after a loss, ever
	Gaps     uint64 // gaps that stayed, ever
	Held     int    // bytes of messages that are held
	Kept     int    // bytes kept for readers, those of lingering channels among them
}

// Stats returns the figures of this moment.
func (f *Feed) Stats() Stats {
	s := Stats{
		Channels: len(f.channels.byName), Readers: f.readers.count, Healed: f.healer.healed, Gaps: f.gaps.count,
		Held: f.holding.bytes, Kept: f.readers.recents.bytes + f.readers.subscriptions.lingering,
	}
	for _, c := range f.channels.byName {
		if c.state == behind {
			s.Behind++
		}
	}
	return s
}
