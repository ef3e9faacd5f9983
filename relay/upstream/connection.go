package upstream

// The Connection as its callers see it: how it is made, its state, and the turns of the loop.

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/credentials"
)

// Connection is the host's one connection to Redis. It subscribes and publishes through every loss: its
// sessions follow one another. It belongs to the loop, but for Run, Authenticate, ConnectionsMade and Version.
type Connection struct {
	// Fixed after construction.
	loop       *loop.Loop
	opts       Options
	sink       Sink
	owner      Owner
	maxPayload *atomic.Int64
	log        *zap.Logger
	goroutines sync.WaitGroup // beside that of Run

	made    atomic.Uint64 // sessions begun, ever
	version atomic.Pointer[string]

	// Owned by the loop.
	backlog backlog
	outage  outage
	prober  prober
	bus     bus

	keyspace keyspace
	record   record
	login    credentials.Login // that was last given to Authenticate

	awaitRoom []func() // see AwaitRoom
	givesRoom bool     // the next of them is about to be called
}

// NewConnection returns a Connection that does nothing before Run. maxPayload is the largest payload
// delivered, in bytes; room is how many bytes of commands may wait, but no more than 64 MiB do. Both may
// change at any time. probe is the channel on which it publishes to itself; empty for none.
func NewConnection(
	l *loop.Loop, opts Options, sink Sink, owner Owner, maxPayload, room *atomic.Int64, probe string, log *zap.Logger,
) *Connection {
	c := &Connection{loop: l, opts: opts.withSentinels(), sink: sink, owner: owner, maxPayload: maxPayload, log: log}
	c.backlog.init(l, room, opts.PublishTimeout)
	c.prober = prober{channel: probe, log: log}
	c.bus.connection = c
	c.keyspace = keyspace{connection: c, wanted: map[resp.Name]int{}, nodes: map[string]*eventNode{}}
	c.outage.reason = "not connected to Redis yet"
	return c
}

// ConnectionsMade returns how many sessions have begun. It may be called from anywhere.
func (c *Connection) ConnectionsMade() uint64 { return c.made.Load() }

// Version is that of the Redis last connected to; empty: it is not known. It may be called from anywhere.
func (c *Connection) Version() string {
	if v := c.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Ready tells whether commands are sent at once.
func (c *Connection) Ready() bool { return c.backlog.session != nil && c.backlog.session.restored }

// Connected tells whether there is a session, in which names may be subscribed.
func (c *Connection) Connected() bool { return c.backlog.session != nil }

// IsFull tells whether no more names should be subscribed: the commands that subscribe and unsubscribe, and that Redis
// has not answered, take more than a quarter of what may wait for an answer.
func (c *Connection) IsFull() bool {
	s := c.backlog.session
	return s != nil && int64(s.subscribing) > c.backlog.limit()/4
}

// AwaitRoom has done called, in a later turn, when a connection that is full is not any more: Redis has answered
// something, or the session has ended. Who waits is called in order, until it is full again.
func (c *Connection) AwaitRoom(done func()) { c.awaitRoom = append(c.awaitRoom, done) }

// giveRoom has the next one called who waits for room, if there is some.
func (c *Connection) giveRoom() {
	if c.givesRoom || len(c.awaitRoom) == 0 || c.IsFull() {
		return
	}
	c.givesRoom = true
	c.loop.Post(func() {
		c.givesRoom = false
		if len(c.awaitRoom) > 0 && !c.IsFull() {
			done := c.awaitRoom[0]
			c.awaitRoom = slices.Delete(c.awaitRoom, 0, 1)
			done()
		}
		c.giveRoom()
	})
}

// CompleteUntil returns the time up to which all messages have come that were published while names were subscribed:
// that of the last answered PING, or of the last one before the connection was lost.
func (c *Connection) CompleteUntil() time.Time {
	switch s := c.backlog.session; {
	case !c.outage.lostAt.IsZero():
		return c.outage.since
	case s != nil:
		return s.heartbeat.complete
	}
	return c.outage.away // there was none yet
}

// Status says whether there is a session that has all subscriptions that were wanted at its start, and if
// not, why, in words for an operator. After a session that delivered nothing, the next one has to prove
// that it delivers. connected tells whether there is a session at all.
func (c *Connection) Status() (ready, connected bool, why string) {
	switch s := c.backlog.session; {
	case s == nil:
		return false, false, c.outage.reason
	case c.prober.deaf:
		return false, true, "Redis acknowledged a message to this relay itself and did not deliver it; " +
			"none has come back since"
	case !s.restored:
		return false, true, "subscribing to what is wanted"
	}
	return true, true, ""
}

// Restored says that all names that the owner wants are subscribed again. The waiting commands are sent.
func (c *Connection) Restored() {
	s := c.backlog.session
	if s == nil || s.restored {
		return
	}
	s.restored, s.restoredAt = true, c.loop.Now()
	select {
	case <-c.backlog.hurry: // the commands in a hurry are sent now
	default:
	}
	c.backlog.waiting.seal(&c.backlog)
	s.sendSource(c.backlog.lastScript)
	if c.record.number > 0 {
		s.mark.renew() // before waiting commands replace the notes of lost ones
	}
	c.backlog.takeOver(s)
	c.outage.over(c)
	c.bus.restored()
}

// Flush writes commands, as far as the socket takes them now. It is called at the end of each turn.
func (c *Connection) Flush() {
	if s := c.backlog.session; s != nil {
		s.flush()
	}
}

// Resume says that all delivered messages have been written. reusable says that the sink keeps none of their
// frames, so that their memory is used again. Reading goes on after Pause. Resume is called at the end of each
// turn in which this is so.
func (c *Connection) Resume(reusable bool) {
	s := c.backlog.session
	if s == nil {
		return
	}
	s.in.Written(reusable)
	if s.paused {
		s.paused = false
		s.socket.Again()
	}
}

// Pause stops reading until Resume: delivered messages are still to be written.
func (c *Connection) Pause() {
	if s := c.backlog.session; s != nil {
		s.paused = true
	}
}

// Withdraw fails the commands of a sender that has hung up with ErrDown, soon after, if they wait for a
// connection. Commands that were sent are not affected.
func (c *Connection) Withdraw(sender uint64) { c.backlog.withdraw(sender) }
