package shards

// The Shards as their callers see them, and the nodes they have.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
	"redis-relay/relay/upstream/credentials"
)

const (
	tickInterval = 100 * time.Millisecond // between two looks at what waits
	calmInterval = time.Second            // the same, while nothing does
	idle         = time.Minute            // that a connection without names is kept for further publishes
)

// Owner is told what becomes of names. The loop calls it.
type Owner interface {
	// Missing says that messages on names may be lost from now on, until Gap is called.
	Missing(names []string)
	// Gap says which may have been lost. While that goes on it is called every 5 s.
	Gap(g Gap)
	// Refused says that Redis does not let a name be subscribed that was, or that nobody waits for.
	Refused(name string, err error)
	// Waiting is called every 10 s while there is no connection to a node that is needed. It gives the length of that so
	// far, and its cause.
	Waiting(addr string, outage time.Duration, err error)
}

// Shards is the connections to the masters of a cluster. It belongs to the loop, but for Run and Authenticate.
type Shards struct {
	// Fixed after construction.
	loop    *loop.Loop
	opts    upstream.Options
	sink    upstream.Sink
	owner   Owner
	payload *atomic.Int64
	room    *atomic.Int64
	log     *zap.Logger
	ctx     context.Context // of the connections
	cancel  context.CancelFunc
	running sync.WaitGroup // connections

	// Owned by the loop.
	table     cluster.Table
	seen      time.Time // when the last view came
	nodes     map[string]*node
	slots     map[int]*slot
	marked    map[*slot]bool  // that are to be looked at
	number    uint64          // of the last command or publish
	bytes     int64           // of the publishes that are not answered
	held      int             // bytes of messages that wait for a PING
	withdrawn map[uint64]bool // senders that have hung up in this turn
	gaps      []Gap           // that are not told yet
	timer     *loop.Timer
	closed    bool
}

// New returns Shards that connect when they are asked for something, as opts say for a cluster. maxPayload and room are
// as for upstream.NewConnection; room holds for all connections together.
func New(
	l *loop.Loop, opts upstream.Options, sink upstream.Sink, owner Owner, maxPayload, room *atomic.Int64, log *zap.Logger,
) *Shards {
	opts.RoundTrip, opts.AlertAfter = nil, 0
	s := &Shards{
		loop: l, opts: opts, sink: sink, owner: owner, payload: maxPayload, room: room, log: log,
		nodes: map[string]*node{}, slots: map[int]*slot{}, marked: map[*slot]bool{},
	}
	s.timer = l.AfterFunc(0, s.tick)
	s.timer.Stop()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Run keeps the connections until ctx ends. Then commands that were sent get their answers, and others fail. It always
// returns nil. The loop must run.
func (s *Shards) Run(ctx context.Context) error {
	s.opts.Cluster.Follow(func(v cluster.View) { s.loop.Post(func() { s.learn(v) }) })
	<-ctx.Done()
	s.opts.Cluster.Follow(nil)
	s.loop.Call(s.close)
	s.cancel()
	s.running.Wait()
	return nil
}

func (s *Shards) close() {
	s.closed = true
	s.timer.Stop()
	for _, sl := range s.slots {
		for _, p := range sl.publishes.take() {
			p.finish(resp.Value{}, upstream.ErrDown)
		}
	}
}

// Subscribe subscribes names, each once. done is called once and later: with nil when Redis has confirmed all names, or
// with the first error that it answered. Names of different slots are different commands. With a nil done,
// Owner.Refused is called for each name that Redis refuses.
func (s *Shards) Subscribe(names []string, done func(refused error)) {
	parts := bySlot(names)
	var answered func(refused error)
	if done != nil {
		answered = afterAll(len(parts), done)
	}
	for number, part := range parts {
		sl := s.slot(number)
		sl.ask(sl.want(part, answered))
	}
	if len(parts) == 0 && done != nil {
		s.loop.Post(func() { done(nil) })
	}
}

// Unsubscribe unsubscribes names, each once. done is called once and later, when no more messages of theirs come.
func (s *Shards) Unsubscribe(names []string, done func()) {
	parts := bySlot(names)
	answered := afterAll(len(parts)+1, func(error) { done() })
	for number, part := range parts {
		if sl := s.slots[number]; sl != nil {
			sl.letGo(part, func() { answered(nil) })
		} else {
			s.loop.Post(func() { answered(nil) })
		}
	}
	s.loop.Post(func() { answered(nil) })
}

// Fence calls done, later, when all has come that was sent before for names, of which each is subscribed; nil: for all
// that are.
func (s *Shards) Fence(names []string, done func()) {
	if names == nil {
		s.fenceAll(done)
		return
	}
	parts := bySlot(names)
	answered := afterAll(len(parts)+1, func(error) { done() })
	for number, part := range parts {
		if sl := s.slots[number]; sl != nil {
			s.number++
			sl.ask(&group{names: part, done: answered, number: s.number, isFence: true})
		} else {
			s.loop.Post(func() { answered(nil) })
		}
	}
	s.loop.Post(func() { answered(nil) })
}

// fenceAll is Fence at all nodes that are connected.
func (s *Shards) fenceAll(done func()) {
	answered := afterAll(len(s.nodes)+1, func(error) { done() })
	for _, n := range s.nodes {
		n.conn.Fence(func(bool) { answered(nil) })
	}
	s.loop.Post(func() { answered(nil) })
}

// IsFull is upstream.Connection.IsFull of any connection.
func (s *Shards) IsFull() bool { return s.full() != nil }

// AwaitRoom is upstream.Connection.AwaitRoom of the first connection that is full.
func (s *Shards) AwaitRoom(done func()) {
	if n := s.full(); n != nil {
		n.conn.AwaitRoom(done)
		return
	}
	s.loop.Post(done)
}

func (s *Shards) full() *node {
	for _, n := range s.nodes {
		if n.conn.IsFull() {
			return n
		}
	}
	return nil
}

// Flush, Pause and Resume are those of all connections: see upstream.Connection.
func (s *Shards) Flush() {
	for _, n := range s.nodes {
		n.conn.Flush()
	}
}

// Pause is upstream.Connection.Pause.
func (s *Shards) Pause() {
	for _, n := range s.nodes {
		n.conn.Pause()
	}
}

// Resume is upstream.Connection.Resume.
func (s *Shards) Resume(reusable bool) {
	for _, n := range s.nodes {
		n.conn.Resume(reusable)
	}
}

// Missing counts the names that were subscribed and are not now.
func (s *Shards) Missing() (n int) {
	for sl := range s.marked {
		if sl.loss.open {
			n += len(sl.names) - len(sl.confirmed())
		}
	}
	return n
}

// Authenticate is upstream.Connection.Authenticate for all connections. Redis may have refused the login over some:
// those end with their old one. It may be called from any goroutine but the loop.
func (s *Shards) Authenticate(ctx context.Context, l credentials.Login) {
	var all []*upstream.Connection
	s.loop.Call(func() {
		for _, n := range s.nodes {
			all = append(all, n.conn)
		}
	})
	var group sync.WaitGroup
	for _, c := range all {
		group.Go(func() { _, _ = c.Authenticate(ctx, l) })
	}
	group.Wait()
}

// bySlot groups names.
func bySlot(names []string) map[int][]string {
	parts := map[int][]string{}
	for _, n := range names {
		number := cluster.Slot([]byte(n))
		parts[number] = append(parts[number], n)
	}
	return parts
}

// afterAll returns what to call with each of n answers. done is called with the last one, and the first error.
func afterAll(n int, done func(refused error)) func(refused error) {
	var first error
	return func(refused error) {
		if first == nil {
			first = refused
		}
		if n--; n == 0 {
			done(first)
		}
	}
}
