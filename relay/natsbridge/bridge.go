package natsbridge

// The bridge as a whole: building, running and ending it.

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/gsl"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// Receipt is told what became of a publication. It must not block.
type Receipt interface {
	// Published gives the number of receivers, and the ID if the message was
	// persisted; or the error for the publisher.
	Published(receivers int64, id string, err error)
	// Flush follows when other answers have been given too.
	Flush()
}

// Entry is a message of a channel's history.
type Entry struct {
	ID      string
	Payload []byte // nil: it was not written by a relay, and has none
}

// Backend is the relay behind the door. The text of an error begins with its code
// word, such as "DENIED chat:42: ...".
type Backend interface {
	// Publish refuses a message, or takes it; then the receipt follows. It does not
	// block. payload must not be changed. A message that is late has waited for as long as
	// a publish may.
	Publish(channel, payload []byte, late bool, r Receipt) error
	// Send has sent what was taken, when there is no more for now.
	Send()
	// MayListen returns why NATS clients may not hear a name, or nil.
	MayListen(kind resp.Kind, name []byte) error
	// History reads up to count entries from an ID on, the oldest first; "-" is the
	// first there is, "(" before an ID the one after it. It may stop when it has more than
	// enough bytes. more tells that there may be more behind the last.
	History(ctx context.Context, channel, from string, count, enough int) (list []Entry, more bool, err error)
	// Missed says that NATS clients did not get a number of messages.
	Missed(since, until time.Time, messages int)
	// Refused says that Redis will not let NATS clients hear a name.
	Refused(kind resp.Kind, name string, err error)
}

// Options set up a Bridge.
type Options struct {
	Listen         string        // host:port for clients; port 0 is any
	Token          string        // that clients must give; empty: none
	PublishTimeout time.Duration // how long a publish waits for a subscription on its way
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
	startTimeout = 10 * time.Second
	maxBehind    = 32 << 20 // bytes that may wait for the server
	maxRequests  = 1024     // publishes, and history requests, that may wait for their turn
)

// Bridge is the embedded NATS server with the relay behind it. New builds it, Run
// runs it, once.
type Bridge struct {
	// Fixed after construction.
	opts       Options
	hub        *hub.Hub
	backend    Backend
	log        *zap.Logger
	options    *server.Options
	server     *server.Server // nil: a cluster's
	notes      *notes
	link       *link
	listener   *hub.Listener
	seed       maphash.Seed
	holds      func() bool   // what is delivered is ours to deliver; nil: always
	maxPayload int           // that the server takes, headers included; 0: any
	ended      chan struct{} // closed when Run ends
	requests   chan request  // never closed
	carried    chan struct{} // one of them is carried out
	work       chan struct{} // there is something for settle
	readers    chan struct{} // one for each history request under way
	waiting    chan struct{} // and one for each of those and of those that wait
	writers    sync.WaitGroup
	behind     hub.Bounds // of link.out; Limits.Behind
	clients    atomic.Pointer[server.Permissions]

	stats   *Counters
	payload atomic.Int64 // limits.payload
	open    atomic.Int64 // publishes taken and not answered
	asked   atomic.Int64 // bytes of requests
	stuck   bool         // there is no room for any, and it was waited for; owned by read

	kept      atomic.Int64 // bytes kept for subscriptions of clients
	subjects  atomic.Int64 // of those
	others    int64        // further subscriptions, as counted; owned by settle
	relieving atomic.Bool
	drains    atomic.Bool // no more publishes are taken

	limits Limits // owned by the caller of SetLimits

	changing sync.Mutex // Guards what follows; nothing from Redis waits for it.
	names    map[name]*interest

	jobsMu sync.Mutex
	jobs   []func() // for settle

	mu sync.Mutex // Guards what follows.

	subs        map[string]subscription
	list        *gsl.GenericSublist[subscription]
	generation  uint64 // of list
	targets     map[string]*target
	targetBytes int    // of targets
	batch       []byte // for the server, not in link.out yet
	spare       []byte // an earlier batch, to be used again
	messages    int    // in batch
	missed      int    // not taken by link.out, and not told yet
	since       time.Time
}

// New builds a bridge and its server, which takes the address. Clients are let in
// at once, but what they want waits for Run. An error names the key it is about. The
// caller must call Run or Close.
func New(opts Options, limits Limits, scopes []Scope, h *hub.Hub, backend Backend, log *zap.Logger) (*Bridge, error) {
	b := unlinked(limits, h, hub.NewSilentListener(0), backend, log)
	b.opts, b.limits, b.stats, b.notes = opts, limits, new(Counters), newNotes(log)
	b.clients.Store(permissions(scopes))
	if err := b.start(limits); err != nil {
		return nil, errors.Join(fmt.Errorf("nats.listen: %w", err), b.Close())
	}
	opts.Memory.OnOther(b.relieve)
	return b, nil
}

// unlinked returns a bridge that has neither server nor link yet.
func unlinked(limits Limits, h *hub.Hub, listener *hub.Listener, backend Backend, log *zap.Logger) *Bridge {
	b := &Bridge{
		hub: h, backend: backend, log: log, listener: listener, seed: maphash.MakeSeed(),
		ended: make(chan struct{}), requests: make(chan request, maxRequests), carried: make(chan struct{}, 1),
		work: make(chan struct{}, 1), readers: make(chan struct{}, maxReaders),
		waiting: make(chan struct{}, maxRequests), names: map[name]*interest{},
		subs: map[string]subscription{}, list: gsl.NewSublist[subscription](), targets: map[string]*target{},
	}
	b.setBounds(limits)
	return b
}

// setBounds sets what the bridge itself holds to.
func (b *Bridge) setBounds(l Limits) {
	b.payload.Store(int64(l.Payload))
	b.behind.Queue.Store(int64(min(maxBehind, l.Behind)))
}

// start starts the server, waits for it to dial the link, and lets it listen.
func (b *Bridge) start(limits Limits) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the server: %w", err)
	}
	defer func() { _ = ln.Close() }() // one connection is all there is
	secret := newSecret()
	if b.options, err = options(b.opts.Listen, limits, ln.Addr().String(), secret); err != nil {
		return err
	}
	b.options.CustomClientAuthentication = (*doorman)(b)
	first := b.options.Clone()
	first.MaxPayload = unlimited
	if b.server, err = server.NewServer(first); err != nil {
		return err
	}
	b.server.SetLoggerV2(b.notes, false, false, false)
	b.server.Start()
	if b.link, err = acceptLink(ln.(*net.TCPListener), secret, &b.behind, &b.writers); err != nil {
		return errors.Join(err, b.notes.fatal())
	}
	if err := b.server.ReloadOptions(b.options.Clone()); err != nil { // the link keeps what it has
		return err
	}
	b.server.AcceptLoop(make(chan struct{})) // which it closes
	return b.notes.fatal()
}

// Addr is the address that clients connect to.
func (b *Bridge) Addr() net.Addr { return b.server.Addr() }

// Close gives back what New took. Only for a bridge that was never run.
func (b *Bridge) Close() error {
	b.shutDown()
	return nil
}

// Run serves until ctx ends; then publishes under way get their answers, and the
// server ends. It returns nil, or why it ended by itself.
func (b *Bridge) Run(ctx context.Context) error {
	all, actx := errgroup.WithContext(context.WithoutCancel(ctx))
	all.Go(func() error {
		err := b.read()
		if b.drains.Load() {
			return nil
		}
		return fmt.Errorf("the link to the NATS server was lost: %w", err)
	})
	all.Go(func() error { return b.settle() })
	all.Go(func() error { return b.publishAll(actx) })
	all.Go(func() error {
		select {
		case <-ctx.Done():
			b.drain()
		case <-actx.Done():
		}
		close(b.ended)
		b.shutDown()
		return nil
	})
	return all.Wait()
}

// drain lets answers out, for as long as a publish may take.
func (b *Bridge) drain() {
	b.drains.Store(true)
	const look = 5 * time.Millisecond
	for end := time.Now().Add(b.opts.PublishTimeout + time.Second/4); time.Now().Before(end); time.Sleep(look) {
		if len(b.requests) == 0 && b.open.Load() == 0 {
			break
		}
	}
	b.Flush()
	if b.link.out.Drain(time.Second) {
		b.link.barrier(time.Second, nil)
	}
}

func (b *Bridge) shutDown() {
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	if b.link != nil {
		b.link.out.Close()
	}
	b.writers.Wait()
}

// later has settle run a job.
func (b *Bridge) later(job func()) {
	b.jobsMu.Lock()
	b.jobs = append(b.jobs, job)
	b.jobsMu.Unlock()
	b.wake()
}

func (b *Bridge) wake() {
	select {
	case b.work <- struct{}{}:
	default:
	}
}

// settle does what nobody else must wait for: subscriptions that Redis has answered,
// and jobs.
func (b *Bridge) settle() error {
	refused := time.NewTicker(askAgain)
	defer refused.Stop()
	counting := time.NewTicker(lookEvery)
	defer counting.Stop()
	for {
		select {
		case <-counting.C:
			b.look()
			continue
		case <-b.work:
		case <-refused.C:
			b.askAll()
		case <-b.ended:
			return nil
		}
		b.jobsMu.Lock()
		jobs := b.jobs
		b.jobs = nil
		b.jobsMu.Unlock()
		for _, job := range jobs {
			job()
		}
		b.enterAll()
	}
}
