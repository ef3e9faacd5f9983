package natsbridge

// The bridge as a whole: building, running and ending it.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

// Receipt is told what became of a publish. The loop calls it.
type Receipt interface {
	// Checked follows once if Publish has said checking, unless Published comes first: the message was
	// handed on.
	Checked()
	// Published gives the number of receivers, and the ID if the message was
	// persisted; or the error for the publisher. It is called once.
	Published(receivers int64, id string, err error)
}

// Entry is a message of a channel's history.
type Entry struct {
	ID      string
	Payload []byte // nil: it was not written by a relay, and has none
}

// Backend is the relay behind the bridge. The loop calls it, except for History. The text of an error
// begins with its code word, such as "DENIED chat:42: ...".
type Backend interface {
	// Publish refuses a message, and does not use the receipt, or takes it. channel and payload are
	// valid during the call. checking says that the message is still being checked: what follows
	// is published when the receipt says so.
	Publish(channel, payload []byte, r Receipt) (checking bool, err error)
	// MayListen returns why NATS clients may not hear a name, or nil.
	MayListen(kind resp.Kind, name []byte) error
	// History reads up to count entries from an ID on, the oldest first; "-" is the
	// first there is, "(" before an ID the one after it. It may stop when it has more than
	// enough bytes. more tells that there may be more behind the last. It is called in a
	// goroutine, in up to 16 at a time, and may block until ctx ends.
	History(ctx context.Context, channel, from string, count, enough int) (list []Entry, more bool, err error)
	// Missed says that NATS clients did not get a number of messages.
	Missed(since, until time.Time, messages int)
	// Refused says that Redis will not let NATS clients hear a name.
	Refused(kind resp.Kind, name string, err error)
}

// Parts are what a bridge shares with the rest of the relay.
type Parts struct {
	Loop    *loop.Loop
	Hub     *hub.Hub
	Flusher *hub.Flusher
	Backend Backend
	Log     *zap.Logger
}

// Options set up a Bridge.
type Options struct {
	Listen         string        // host:port for clients; port 0 is any
	Token          string        // that clients must give; empty: none
	PublishTimeout time.Duration // how long a publish, or a history request, may take
	Memory         *hub.Bounds   // where what is kept for clients counts
}

// Limits bound what clients may use. All are positive.
type Limits struct {
	Clients       int // connections
	Subscriptions int // of one connection
	Payload       int // bytes of one message
	Queue         int // bytes that may wait for one connection
	Behind        int // bytes that may wait for the server, but no more than 32 MiB do
}

const (
	maxBehind  = 32 << 20        // bytes that may wait for the server
	lastWords  = 2 * time.Second // for the last answers to reach the server
	loopsGrace = time.Second     // for the loop to say that a time is over
)

// Bridge is a way to NATS clients: the embedded server, or a connection to a cluster. Everything
// belongs to the loop, but for New, Attach, Run, Close, Await, Addr and Stats. A bridge must be run, once.
type Bridge struct {
	// Fixed after construction.
	parts      Parts
	patience   time.Duration // Options.PublishTimeout
	server     *embedded     // nil: a cluster's
	memory     *memory       // nil: a cluster's
	link       *link
	subs       *subscriptions
	interests  *interests
	targets    *targets
	out        *output
	requests   *requests
	errands    *errands
	stats      *Counters
	maxPayload int        // that the server takes, headers included; 0: any
	behind     hub.Bounds // of link.out; Limits.Behind

	limits  Limits // as they were set
	payload int    // bytes of one message: limits.payload, or less
}

// New builds a bridge and its server, which takes the address. Clients are let in
// at once, but what they want waits for the loop. An error names the key it is about. Call it before the
// loop runs; then call Run, or Close.
func New(parts Parts, opts Options, limits Limits, scopes []Scope) (*Bridge, error) {
	b := unlinked(parts, limits, opts.PublishTimeout, hub.NewInterestOnlyListener(0), new(Counters))
	b.server = &embedded{token: opts.Token}
	b.server.clients.Store(permissions(scopes))
	b.memory = &memory{parts: parts, bounds: opts.Memory, server: b.server, errands: b.errands, stats: b.stats}
	b.interests.memory = b.memory
	if err := b.start(opts.Listen); err != nil {
		return nil, errors.Join(fmt.Errorf(`nats.listen: %w; choose another address, or "" for none`, err), b.Close())
	}
	b.memory.start()
	return b, nil
}

// unlinked returns a bridge that has neither server nor link yet.
func unlinked(parts Parts, limits Limits, patience time.Duration, listener *hub.Listener, stats *Counters) *Bridge {
	b := &Bridge{
		parts: parts, patience: patience, stats: stats, limits: limits, subs: newSubscriptions(),
		errands: &errands{loop: parts.Loop}, out: &output{parts: parts, stats: stats},
	}
	b.interests = newInterests(parts, listener, b.subs, stats)
	b.targets = newTargets(b.subs)
	b.requests = &requests{
		parts: parts, out: b.out, stats: stats, history: newHistory(parts, patience, b.room),
		limit: b.behind.Queue.Load, largest: func() int { return b.maxPayload },
	}
	b.setBounds(limits)
	return b
}

// connect makes the link of a connection. Call it in the loop, or before that runs.
func (b *Bridge) connect(conn net.Conn, rest []byte) (err error) {
	if b.link, err = newLink(b.parts.Loop, conn, rest, &b.behind, b.parts.Flusher, (*listening)(b)); err != nil {
		return err
	}
	b.out.link, b.requests.link = b.link, b.link
	if b.memory != nil {
		b.memory.link = b.link
	}
	b.requests.start()
	return nil
}

// start starts the server, connects with it, and lets it listen.
func (b *Bridge) start(listen string) error {
	conn, rest, err := b.server.start(listen, b.limits, b.parts.Log)
	if err != nil {
		return err
	}
	if err := b.connect(conn, rest); err != nil {
		return err
	}
	return b.server.listen()
}

// setBounds sets what the bridge itself holds to.
func (b *Bridge) setBounds(l Limits) {
	b.payload = l.Payload
	b.behind.Queue.Store(int64(min(maxBehind, l.Behind)))
}

// room is how large an answer may be, in bytes.
func (b *Bridge) room() int {
	if b.maxPayload > 0 {
		return min(b.payload, b.maxPayload)
	}
	return b.payload
}

// Addr is the address that clients connect to. It may be called from anywhere.
func (b *Bridge) Addr() net.Addr { return b.server.Addr() }

// Close gives back what New took. Only for a bridge that was never run, while the loop does not run.
func (b *Bridge) Close() error {
	b.server.stop()
	b.end()
	b.wait()
	return nil
}

// Run waits until ctx ends; then publishes under way get their answers, and the
// server ends. It returns nil, or why the bridge ended by itself. Call it in a goroutine. The loop must run
// until it returns.
func (b *Bridge) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		b.drain()
	case <-b.link.ended:
	}
	b.server.stop()
	b.parts.Loop.Call(b.end)
	b.wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("the link to the NATS server was lost: %w", b.link.err)
}

// drain lets answers out, for as long as a publish may take.
func (b *Bridge) drain() {
	idle := make(chan struct{})
	if !b.parts.Loop.Post(func() { b.requests.whenIdle(func() { close(idle) }) }) {
		return
	}
	timer := time.NewTimer(b.patience + time.Second/4)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	case <-b.link.ended:
	}
	b.Await(lastWords)
}

// end ends everything that the loop has of the bridge. What it listens to stays: see Leave.
func (b *Bridge) end() {
	if b.link != nil {
		b.link.end(net.ErrClosed)
		b.requests.patient.Stop()
	}
	b.requests.history.end()
	b.errands.end()
	b.memory.end()
	b.interests.again.Stop()
}

// wait waits for the goroutines that end has ended.
func (b *Bridge) wait() {
	b.requests.history.readers.Wait()
	b.errands.worker.Wait()
	if b.link != nil {
		b.link.hangUp() // if the loop has ended before
		b.link.copiers.Wait()
	}
}

// listening is what the bridge hears over its link.
type listening Bridge

func (b *listening) subscribed(arg string)     { b.interests.subscribed(arg) }
func (b *listening) unsubscribed(arg string)   { b.interests.unsubscribed(arg) }
func (b *listening) requested(m *request) bool { return b.requests.take(m) }
func (b *listening) written()                  { b.out.written() }
func (b *listening) problem(text string) error { return problem(b.parts.Log, text) }
