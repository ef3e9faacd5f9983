package natsbridge

// The bridge as a whole: building it, running it and closing it.

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

// Responder passes on the outcome of a publish. The loop calls it.
type Responder interface {
	// Checked says that the check is done and the message was passed on. It is called once if Publish returned
	// checking, unless Published comes first.
	Checked()
	// Published reports the number of receivers, and the ID if the message was persisted; or the error for the
	// publisher. It is called once.
	Published(receivers int64, id string, err error)
}

// Entry is a message of a channel's history.
type Entry struct {
	ID      string
	Payload []byte // nil: another program wrote the entry, and it has none
}

// Backend is the relay behind the bridge. The loop calls its methods, except for History. The text of each error
// begins with a code word, as in "DENIED chat:42: ...".
type Backend interface {
	// Publish accepts a message, or returns an error and does not use r. channel and payload are valid during the
	// call. If checking is true, the message is still being checked: do not publish the next one before r.Checked.
	Publish(channel, payload []byte, r Responder) (checking bool, err error)
	// MayListen returns an error if NATS clients may not listen to a name, and nil if they may.
	MayListen(kind resp.Kind, name []byte) error
	// History reads up to count entries, the oldest first. from is an ID, "-" for the first entry, or "(" and an ID
	// for the entries after it. History may stop once it has read more than enough bytes. more says that there may
	// be further entries. Up to 16 goroutines call it at the same time; it may block until ctx ends.
	History(ctx context.Context, channel, from string, count, enough int) (list []Entry, more bool, err error)
	// Missed reports that NATS clients did not get a number of messages.
	Missed(since, until time.Time, messages int)
	// Refused reports that Redis refuses a name to which NATS clients listen.
	Refused(kind resp.Kind, name string, err error)
}

// Parts are what a bridge shares with the rest of the relay.
type Parts struct {
	Loop    *loop.Loop
	Hub     *hub.Group
	Flusher *hub.Flusher
	Backend Backend
	Log     *zap.Logger
}

// Options set up a Bridge.
type Options struct {
	Listen         string        // host:port for clients; port 0 is any
	Token          string        // that clients must present; empty: none
	PublishTimeout time.Duration // the longest that a publish, or a history request, may take
	Memory         *hub.Bounds   // charged with the memory of clients' subscriptions
}

// Limits bound what clients may use. All are positive.
type Limits struct {
	Clients       int // connections
	Subscriptions int // of one connection
	Payload       int // bytes of one message
	Queue         int // bytes of output that may wait for one connection
	Behind        int // bytes that may wait for the server; at most 32 MiB of it are used
}

const (
	maxBehind    = 32 << 20        // bytes that may wait for the server
	drainTimeout = 2 * time.Second // for the last answers to reach the server
	loopGrace    = time.Second     // for the loop to report a timeout
)

// Bridge leads to NATS clients: those of the embedded server, or those of a cluster. All methods belong to the loop,
// except Run, Close, Await, Addr and Stats. A bridge must be run, once.
type Bridge struct {
	// Fixed after construction.
	parts          Parts
	publishTimeout time.Duration // Options.PublishTimeout
	server         *embedded     // nil for a cluster
	memory         *memory       // nil for a cluster
	conn           *connection
	subs           *subscriptions
	interests      *interests
	targets        *targets
	out            *output
	requests       *requests
	tasks          *tasks
	stats          *Counters
	maxPayload     int        // bytes of the largest message that the server accepts, headers included; 0: any
	behind         hub.Bounds // of conn.out; Limits.Behind

	limits  Limits // as they were set last
	payload int    // bytes of the largest message of a client: Limits.Payload, or less
}

// New builds a bridge and its server, which listens at once: clients can connect, and their commands wait for the
// loop. An error names the key it is about. Call New before the loop runs; then call Run, or Close.
func New(parts Parts, opts Options, limits Limits, access []PrefixAccess) (*Bridge, error) {
	b := newUnconnected(parts, limits, opts.PublishTimeout, hub.NewInterestOnlyListener(0), new(Counters))
	b.server = &embedded{token: opts.Token}
	b.server.clients.Store(permissions(access))
	b.memory = &memory{parts: parts, bounds: opts.Memory, server: b.server, tasks: b.tasks, stats: b.stats}
	b.interests.memory = b.memory
	if err := b.start(opts.Listen); err != nil {
		return nil, errors.Join(fmt.Errorf(`nats.listen: %w; choose another address, or "" for none`, err), b.Close())
	}
	b.memory.start()
	return b, nil
}

// newUnconnected returns a bridge that has neither server nor connection yet.
func newUnconnected(
	parts Parts, limits Limits, timeout time.Duration, listener *hub.Listener, stats *Counters,
) *Bridge {
	b := &Bridge{
		parts: parts, publishTimeout: timeout, stats: stats, limits: limits, subs: newSubscriptions(),
		tasks: &tasks{loop: parts.Loop}, out: &output{parts: parts, stats: stats},
	}
	b.interests = newInterests(parts, listener, b.subs, stats)
	b.targets = newTargets(b.subs)
	b.requests = &requests{
		parts: parts, out: b.out, stats: stats, history: newHistory(parts, timeout, b.room),
		limit: b.behind.Queue.Load, largest: func() int { return b.maxPayload },
	}
	b.setBounds(limits)
	return b
}

// connect takes over a connection to a server. Call it in the loop, or before the loop runs.
func (b *Bridge) connect(conn net.Conn, rest []byte) (err error) {
	h := &handler{b.interests, b.requests, b.out, b.parts.Log}
	if b.conn, err = newConnection(b.parts.Loop, conn, rest, &b.behind, b.parts.Flusher, h); err != nil {
		return err
	}
	b.out.conn, b.requests.conn = b.conn, b.conn
	if b.memory != nil {
		b.memory.conn = b.conn
	}
	b.requests.start()
	return nil
}

// start starts the server, connects to it, and has it listen.
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

// setBounds sets the limits that the bridge itself applies.
func (b *Bridge) setBounds(l Limits) {
	b.payload = l.Payload
	b.behind.Queue.Store(int64(min(maxBehind, l.Behind)))
}

// room returns the largest size of an answer, in bytes.
func (b *Bridge) room() int {
	if b.maxPayload > 0 {
		return min(b.payload, b.maxPayload)
	}
	return b.payload
}

// Addr returns the address that clients connect to. It may be called from anywhere.
func (b *Bridge) Addr() net.Addr { return b.server.Addr() }

// Close releases what New took. Call it only for a bridge that was never run, while the loop does not run. It returns
// nil.
func (b *Bridge) Close() error {
	b.server.stop()
	b.end()
	b.wait()
	return nil
}

// Run waits until ctx ends. Then pending publishes get their answers, and the server ends. Run returns nil, or an
// error if the connection to the server was lost. It blocks: call it in a goroutine. The loop must run until it
// returns.
func (b *Bridge) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		b.drain()
	case <-b.conn.ended:
	}
	b.server.stop()
	b.parts.Loop.Call(b.end)
	b.wait()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("the link to the NATS server was lost: %w", b.conn.err)
}

// drain waits for pending answers, for as long as a publish may take, and for the server to have them.
func (b *Bridge) drain() {
	idle := make(chan struct{})
	if !b.parts.Loop.Post(func() { b.requests.whenIdle(func() { close(idle) }) }) {
		return
	}
	timer := time.NewTimer(b.publishTimeout + time.Second/4)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	case <-b.conn.ended:
	}
	b.Await(drainTimeout)
}

// end ends everything of the bridge that the loop owns. Its subscriptions stay: see Unsubscribe.
func (b *Bridge) end() {
	if b.conn != nil {
		b.conn.end(net.ErrClosed)
		b.requests.roomTimer.Stop()
	}
	b.requests.history.end()
	b.tasks.end()
	b.memory.end()
	b.interests.retry.Stop()
}

// wait waits for the goroutines that end has told to stop.
func (b *Bridge) wait() {
	b.requests.history.readers.Wait()
	b.tasks.worker.Wait()
	if b.conn != nil {
		b.conn.hangUp() // in case the loop ended before
		b.conn.copiers.Wait()
	}
}

// handler passes on what the server sends over the connection. It is peer.
type handler struct {
	interests *interests
	requests  *requests
	out       *output
	log       *zap.Logger
}

func (h *handler) subscribed(arg string)     { h.interests.addSubscription(arg) }
func (h *handler) unsubscribed(arg string)   { h.interests.removeSubscription(arg) }
func (h *handler) requested(m *request) bool { return h.requests.take(m) }
func (h *handler) written()                  { h.out.written() }
func (h *handler) problem(text string) error { return problem(h.log, text) }
