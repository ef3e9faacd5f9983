package upstream

// The host's one subscriber connection.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

const (
	backoffMin   = 100 * time.Millisecond
	backoffMax   = 5 * time.Second
	pingInterval = 2 * time.Second // between two questions whether Redis is there
	pingTimeout  = 5 * time.Second // of silence after that, before the connection is given up
	probeTimeout = 5 * time.Second // for a message that Redis acknowledged to be on its way back
	lateAfter    = time.Second     // an unanswered subscription is missing, not just under way
)

var (
	errSilent = errors.New("Redis has not answered a PING within " + pingTimeout.String())
	errDeaf   = errors.New("Redis acknowledged a probe, answered a later PING and did not deliver the probe")
	errNoPing = errors.New("Redis does not allow PING, by which the relay knows that the connection lives; " +
		"allow +ping to this user")
)

// Registry is told what became of subscriptions. It is called by the goroutine
// that calls Sink, and must not block.
type Registry interface {
	Confirmed(kind resp.Kind, name string)
	Refused(kind resp.Kind, name string, err error)
	// Released says that Redis does not have a name any more, or never had it, which
	// nobody wanted any more.
	Released(kind resp.Kind, name string)
	// Lost says that the connection has ended, and with it every subscription.
	// What was confirmed and is still wanted must be wanted again, before Lost
	// returns: Subscriber does not remember it.
	// All that was published before the time given has come: a PING of that time was
	// answered. What was published later may be lost, also if something was heard: it
	// may have waited behind that.
	Lost(since time.Time, err error)
}

// Observer hears of what an operator wants to know. It must not block.
type Observer interface {
	// Up says that all subscriptions stand, how many those are on Redis, and how
	// long that took since the loss (0: since the start).
	Up(subscriptions int, outage time.Duration)
	Down(err error)
	// Waiting is called when the first attempt of all fails, and every 10 s while there is
	// no connection, also by another goroutine than the rest: for how long, and why.
	Waiting(outage time.Duration, err error)
	// Alert is called once an outage, after AlertAfter failed attempts in a row.
	Alert(attempts int, err error)
}

// Subscriber holds the subscriber connection and, through every loss, what is
// wanted on it.
type Subscriber struct {
	// Fixed after construction.
	opts       Options
	sink       Sink
	registry   Registry
	observer   Observer
	publish    func(channel, payload string, done func(error)) // for the probe
	maxPayload *atomic.Int64
	log        *zap.Logger
	probe      string // channel that only this relay's life knows
	wake       chan struct{}

	// Owned by Run.
	complete time.Time // all that was published before has come
	lostAt   time.Time
	attempts int    // failed in a row
	counts   [2]int // subscriptions of this life, as Redis counts: channels with patterns, shard channels

	mu sync.Mutex // Guards what follows.

	reg       registry
	barriers  barriers
	connected bool // the handshake is done
	restored  bool // and all that was wanted then is answered
	reason    string
	away      time.Time // since when there is no connection
	cause     error     // of the last failure; nil: none yet
	probes    uint64    // number of the last probe sent
	echoed    uint64    // and of the last that came back
	due       uint64    // and of the first that did not, and was acknowledged
	dueSince  time.Time
	noProbe   bool // Redis does not allow the probe's channel
	deaf      bool // the last life was, and no probe has come back since

	lives atomic.Uint64 // connections made, ever
}

// NewSubscriber returns a Subscriber that does nothing before Run. maxPayload is
// the largest payload delivered, in bytes, and may change. probe is the channel
// it publishes to itself on through publish; both empty for none.
func NewSubscriber(opts Options, sink Sink, registry Registry, observer Observer, maxPayload *atomic.Int64,
	probe string, publish func(channel, payload string, done func(error)), log *zap.Logger,
) *Subscriber {
	s := &Subscriber{
		opts: opts, sink: sink, registry: registry, observer: observer, publish: publish,
		maxPayload: maxPayload, log: log, probe: probe, wake: make(chan struct{}, 1),
		reason: "not connected to Redis yet",
	}
	if probe != "" {
		s.reg.want(name{resp.Message, probe}, true)
	}
	return s
}

// Want says that a name is wanted from now on, or no longer, in turn; a name that
// was refused or lost may be wanted once more. It reports whether Redis has the
// name subscribed now. If it is wanted and not subscribed, Registry.Confirmed or
// Refused will follow; if it is subscribed and not wanted, Released, or Lost. It
// may be called from anywhere and does not wait.
func (s *Subscriber) Want(kind resp.Kind, n string, want bool) (isHeld bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isHeld = s.reg.want(name{kind, n}, want)
	if s.reg.due() > 0 {
		signal(s.wake)
	}
	return isHeld
}

// Held tells whether Redis has a name subscribed now, for all that it has answered.
// Only for one that is wanted, or of which Released is to follow.
func (s *Subscriber) Held(kind resp.Kind, n string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reg.holds(name{kind, n})
}

// Status says whether every wanted subscription is confirmed, and if not, what
// is missing, in words for an operator. After a connection that delivered nothing,
// the next one has to prove that it delivers.
func (s *Subscriber) Status() (ready bool, missing string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.connected {
		return false, s.reason
	}
	if s.deaf && !s.noProbe {
		return false, "Redis acknowledged a message to this relay itself and did not deliver it; " +
			"none has come back since"
	}
	if s.restored && (len(s.reg.flying) == 0 || time.Since(s.reg.flying[0].sent) < lateAfter) {
		return true, ""
	}
	count, example := s.reg.missing()
	if count == 0 {
		return true, ""
	}
	return false, fmt.Sprintf("%d subscriptions are not confirmed by Redis, %s %q among them",
		count, example.kind.Subscribe(), example.name)
}

// Lives returns how many connections have been made.
func (s *Subscriber) Lives() uint64 { return s.lives.Load() }

// Run keeps the connection, and makes the next one after each loss, until ctx
// ends. It always returns nil.
func (s *Subscriber) Run(ctx context.Context) error {
	defer s.dropBarriers()
	s.mu.Lock()
	s.away = time.Now()
	s.mu.Unlock()
	var others sync.WaitGroup
	others.Go(func() { s.tellOutage(ctx) })
	defer others.Wait()
	for {
		err := s.runConn(ctx)
		if ctx.Err() != nil {
			return nil
		}
		s.end(err)
		s.failed(err)
		if !sleep(ctx, backoff(s.attempts)) {
			return nil
		}
	}
}

// backoff returns how long to wait before attempt n+1: between 0 and a bound
// that doubles, so that the relays of a fleet do not come back at once.
func backoff(n int) time.Duration {
	bound := backoffMax
	if n < 7 {
		bound = min(backoffMax, backoffMin<<(n-1))
	}
	return rand.N(bound)
}

// runConn is one life of the connection. It returns why that ended.
func (s *Subscriber) runConn(ctx context.Context) error {
	var t *tap
	client, err := s.opts.client("sub", func(conn net.Conn) net.Conn {
		t = newTap(conn, (*feed)(s), s.maxPayload)
		return t
	})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	ps := client.Subscribe(ctx)
	defer func() { _ = ps.Close() }()
	began := time.Now()
	if err := ps.Ping(ctx); err != nil { // dials, and shakes hands
		return s.opts.hint(err, s.lives.Load() == 0)
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { _ = t.Close() })
	defer stop()
	s.begin(began)
	var others sync.WaitGroup
	others.Go(func() { s.send(ctx, t, cancel) })
	others.Go(func() { s.watch(ctx, ps, t, cancel) })
	cancel(s.receive(ps))
	others.Wait()
	return context.Cause(ctx)
}

func (s *Subscriber) begin(now time.Time) {
	s.lives.Add(1)
	s.counts = [2]int{}
	s.complete = now
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected = true
	s.probes, s.echoed, s.due, s.noProbe = 0, 0, 0, false
	signal(s.wake)
}

// end accounts for a life that is over, or never began.
func (s *Subscriber) end(err error) {
	s.mu.Lock()
	was := s.connected
	s.connected, s.restored = false, false
	s.deaf = s.deaf || errors.Is(err, errDeaf)
	s.reason = fmt.Sprintf("not connected to Redis: %v", err)
	s.cause = err
	if was {
		s.away = time.Now()
	}
	s.mu.Unlock()
	if !was {
		s.log.Debug("connecting to Redis failed", zap.Error(err))
		return
	}
	s.registry.Lost(s.complete, err)
	s.mu.Lock()
	if s.probe != "" {
		s.reg.want(name{resp.Message, s.probe}, true)
	}
	s.reg.reset()
	s.mu.Unlock()
	s.dropBarriers()
	if s.lostAt.IsZero() {
		s.lostAt = time.Now()
		s.observer.Down(err)
	} else {
		s.log.Debug("connection to Redis lost again", zap.Error(err))
	}
}

// receive reads what is not a message: confirmations, refusals, pongs.
func (s *Subscriber) receive(ps *redis.PubSub) error {
	for {
		// No deadline of go-redis: messages pass it by. watch sees to silence.
		v, err := ps.Receive(context.Background())
		var refused redis.Error
		switch {
		case err == nil:
			err = s.control(v)
		case errors.As(err, &refused):
			err = s.refused(refused)
		}
		if err != nil {
			return err
		}
		s.checkRestored()
	}
}

func (s *Subscriber) control(v any) error {
	if p, ok := v.(*redis.Pong); ok {
		return s.pong(p.Payload)
	}
	c, ok := v.(*redis.Subscription)
	if !ok {
		return nil
	}
	kind, subscribed, ok := verb(c.Kind)
	if !ok {
		return fmt.Errorf("%w: %q", errOutOfStep, c.Kind)
	}
	s.mu.Lock()
	n, wanted, err := s.reg.confirm(kind, subscribed, c.Channel)
	if s.reg.due() > 0 {
		signal(s.wake)
	}
	s.mu.Unlock()
	if kind == resp.SMessage {
		s.counts[1] = c.Count
	} else {
		s.counts[0] = c.Count
	}
	switch {
	case err != nil:
	case !subscribed:
		s.registry.Released(n.kind, n.name)
	case wanted:
		s.registry.Confirmed(n.kind, n.name)
	}
	return err
}

// refused takes an error reply. Redis answers subscriptions even while it loads
// or has lost its master, so those two errors answer a PING: Redis is of no use.
func (s *Subscriber) refused(reply redis.Error) error {
	switch code, reason, _ := strings.Cut(reply.Error(), " "); {
	case code == "LOADING" || code == "MASTERDOWN" || code == "NOAUTH":
		return reply
	case code == "NOPERM" && strings.Contains(reason, "'ping' command"):
		return fmt.Errorf("%w (%w)", errNoPing, reply)
	}
	s.mu.Lock()
	unsubscribed, kept := s.reg.letsGo() // the names stay subscribed, and nobody hears them
	n, known, gone, err := s.reg.refuse()
	if s.reg.due() > 0 {
		signal(s.wake)
	}
	if known && n.name == s.probe {
		s.noProbe = true
	}
	s.mu.Unlock()
	for _, n := range gone {
		s.registry.Released(n.kind, n.name)
	}
	if kept {
		_ = s.opts.goOn(strings.ToUpper(unsubscribed.Unsubscribe()), reply)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", err, reply)
	case !known:
	case n.name == s.probe:
		s.log.Warn("Redis does not allow the relay's own channels: no delivery probe; allow +subscribe and &relay:* to "+
			"this user", zap.Error(reply))
	default:
		s.registry.Refused(n.kind, n.name, reply)
	}
	return nil
}

// pingText is the PING of a moment.
func pingText(now time.Time) string { return strconv.FormatInt(now.UnixNano(), 10) }

// pong takes the answer to a PING. All that Redis published before it was sent has
// come before it, so a probe that has not will not come.
func (s *Subscriber) pong(text string) error {
	if text == barrierText {
		s.passBarrier()
		return nil
	}
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil //nolint:nilerror // the PING that dials has no text
	}
	s.complete = time.Unix(0, ns)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.due > s.echoed && s.complete.Sub(s.dueSince) > probeTimeout {
		return errDeaf
	}
	return nil
}

func verb(word string) (kind resp.Kind, subscribed, ok bool) {
	for k := range resp.Kind(resp.Kinds) {
		switch word {
		case k.Subscribe():
			return k, true, true
		case k.Unsubscribe():
			return k, false, true
		}
	}
	return 0, false, false
}

// checkRestored notices the moment in a life when all that was wanted at its
// start has been answered.
func (s *Subscriber) checkRestored() {
	s.mu.Lock()
	if s.restored || !s.reg.settled() {
		s.mu.Unlock()
		return
	}
	s.restored = true
	n := s.counts[0] + s.counts[1]
	if s.probe != "" && s.reg.holds(name{resp.Message, s.probe}) {
		n-- // the relay's own
	}
	s.mu.Unlock()

	var outage time.Duration
	if !s.lostAt.IsZero() {
		outage = time.Since(s.lostAt)
	}
	s.lostAt, s.attempts = time.Time{}, 0
	s.observer.Up(n, outage)
}

// send writes the commands that Want and Barrier ask for. They go past go-redis, which would
// keep every name for a life in which it may not dial again; its PINGs are single
// writes, too, so the two do not mix.
func (s *Subscriber) send(ctx context.Context, conn net.Conn, end context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for b, more := s.nextCommands(nil); more; b, more = s.nextCommands(b[:0]) {
			if len(b) == 0 {
				continue
			}
			_ = conn.SetWriteDeadline(time.Now().Add(stepTimeout)) // of a closed connection: Write says so
			if _, err := conn.Write(b); err != nil {
				end(err)
				return
			}
		}
	}
}

// nextCommands appends some of what is to be sent, and reports whether there may be
// more: of names whose want changed back there is nothing to send, and behind them
// there are others. Want waits for it, and with it everybody: that is why it is not
// all at once.
func (s *Subscriber) nextCommands(b []byte) (_ []byte, more bool) {
	s.mu.Lock()
	more = s.reg.due() > 0 || len(s.barriers.next) > 0
	list, ping := s.reg.commands(time.Now()), s.barriers.fly()
	s.mu.Unlock()
	for _, c := range list {
		b = c.append(b)
	}
	if ping {
		b = resp.AppendBulkString(resp.AppendBulkString(resp.AppendArray(b, 2), "PING"), barrierText)
	}
	return b, more
}

func (c *command) append(b []byte) []byte {
	word := c.kind.Unsubscribe()
	if c.subscribe {
		word = c.kind.Subscribe()
	}
	b = resp.AppendBulkString(resp.AppendArray(b, 1+len(c.names)), word)
	for _, n := range c.names {
		b = resp.AppendBulkString(b, n)
	}
	return b
}

// watch ends the life when Redis has gone silent, or answers and does not
// deliver.
func (s *Subscriber) watch(ctx context.Context, ps *redis.PubSub, t *tap, end context.CancelCauseFunc) {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	seen, heard, asked := t.heard.Load(), time.Now(), false
	probed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := t.heard.Load(); now != seen {
			seen, heard, asked = now, time.Now(), false
		} else if asked && time.Since(heard) > pingTimeout {
			end(errSilent)
			return
		}
		if !asked {
			// In a goroutine's own time: the write may block on a dead peer.
			asked = true
			if err := ps.Ping(ctx, pingText(time.Now())); err != nil {
				end(err)
				return
			}
		}
		if s.opts.ProbeInterval > 0 && (time.Since(probed) >= s.opts.ProbeInterval || s.mustProve()) {
			probed = time.Now()
			s.sendProbe()
		}
	}
}

// mustProve tells whether nothing but a probe that comes back makes the relay ready.
func (s *Subscriber) mustProve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deaf
}

// sendProbe publishes to this relay through Redis. Once Redis acknowledged it,
// it must come back.
func (s *Subscriber) sendProbe() {
	s.mu.Lock()
	ok := s.probe != "" && !s.noProbe && s.reg.holds(name{resp.Message, s.probe})
	if ok {
		s.probes++
	}
	number := s.probes
	s.mu.Unlock()
	if !ok {
		return
	}
	s.publish(s.probe, strconv.FormatUint(number, 10), func(err error) {
		if err != nil { // says nothing about the subscriber connection
			s.probeFailed(err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.due <= s.echoed && s.probes >= number { // else it is of an earlier life
			s.due, s.dueSince = number, time.Now()
		}
	})
}

// probeFailed gives probing up for this life if Redis does not allow it.
func (s *Subscriber) probeFailed(err error) {
	var reply ReplyError
	if !errors.As(err, &reply) || !strings.HasPrefix(reply.Error(), "NOPERM ") {
		return
	}
	s.mu.Lock()
	s.noProbe = true
	s.mu.Unlock()
	s.log.Warn("Redis does not allow the relay to publish to itself: no delivery probe; allow +publish and &relay:* to "+
		"this user", zap.Error(err))
}

// feed is the Sink between the tap and the real one: it takes the probes out.
type feed Subscriber

func (f *feed) Deliver(d *resp.Delivery) {
	if d.Kind == resp.Message && string(d.Channel) == f.probe {
		f.echo(d.Payload)
		return
	}
	f.sink.Deliver(d)
}

func (f *feed) TooLarge(d *resp.Delivery, size int64) { f.sink.TooLarge(d, size) }
func (f *feed) Flush() (free bool)                    { return f.sink.Flush() }

func (f *feed) echo(payload []byte) {
	if n, err := strconv.ParseUint(string(payload), 10, 64); err == nil {
		f.mu.Lock()
		f.echoed, f.deaf = max(f.echoed, n), false
		f.mu.Unlock()
	}
}

// signal wakes the receiver of c, if it is not to wake already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
