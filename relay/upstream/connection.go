package upstream

// The Connection, as the loop sees it: what it can be asked.

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	maxQueued = 64 << 20 // bytes that may wait for an answer
	overhead  = 256      // bytes a waiting command takes beside its arguments
)

// Sink takes the messages. It is called by the loop, and must never change what it is given. A frame may be
// kept until Settle, and for ever if that says so.
type Sink interface {
	// Deliver takes a message. d itself is only valid during the call; its frame is that of RESP2.
	Deliver(d *resp.Delivery)
	// TooLarge tells of a message of which only the names are there: with a payload that
	// large, its frame of size bytes was not read into memory.
	TooLarge(d *resp.Delivery, size int64)
}

// Owner hears what becomes of the connection. It is called by the loop.
type Owner interface {
	// Connected says that a connection stands. The owner subscribes to all that it wants and then calls
	// Restored; until then nothing else is sent.
	Connected()
	// Lost says that the connection has ended, and with it every subscription. What is in flight is told
	// after it.
	Lost(err error)
	// Up follows Restored: how many subscriptions there are on Redis.
	Up(subscriptions int, outage Outage)
	// Down is called once an outage, behind Lost.
	Down(err error)
	// Waiting is called when the first attempt of all fails, and every 10 s while there is
	// no connection: for how long, and why.
	Waiting(outage time.Duration, err error)
	// Alert is called once an outage, after AlertAfter failed attempts in a row.
	Alert(attempts int, err error)
}

// Outage is a time for which not all that is wanted was subscribed. It is zero for the time since the start.
type Outage struct {
	Took time.Duration // since the loss
	// Since is up to when all that was published has come: a PING of that time was answered. What was
	// published later may be lost, also if something was heard: it may have waited behind that.
	Since time.Time
	// Until is from when on nothing is lost that is published. If the master has changed it is to come:
	// others, who do not know it yet, publish on the one before.
	Until time.Time
}

// Answer is told what became of a command: once, by the loop. v and its memory are valid during the call.
// An error that Redis answered is a ReplyError.
type Answer interface{ Answer(v resp.Value, err error) }

// AnswerFunc is a function as an Answer.
type AnswerFunc func(v resp.Value, err error)

// Answer calls f.
func (f AnswerFunc) Answer(v resp.Value, err error) { f(v, err) }

// Connection is the host's one connection to Redis that subscribes, and publishes, through every loss.
type Connection struct {
	// Fixed after construction.
	loop       *loop.Loop
	opts       Options
	sink       Sink
	owner      Owner
	maxPayload *atomic.Int64
	room       *atomic.Int64
	log        *zap.Logger
	probe      string         // channel that only this relay's life knows; empty: none
	hurry      chan struct{}  // something waits for a connection
	goroutines sync.WaitGroup // beside that of Run

	lives   atomic.Uint64 // connections made, ever
	version atomic.Pointer[string]

	// Owned by the loop.
	life    *life // nil: none
	waiting pending
	gone    map[uint64]bool // senders that have hung up in this turn
	queued  int64           // bytes that wait, and are not answered
	scratch []byte          // for encoding
	loaded  *Script
	expiry  *loop.Timer // for the first deadline
	outage  outage
	probes  probes
	record  notes
	stopped bool
}

// NewConnection returns a Connection that does nothing before Run. maxPayload is the largest payload
// delivered, in bytes; room is how many bytes of commands may wait, but no more than 64 MiB do. Both may
// change at any time. probe is the channel that it publishes to itself on; empty for none.
func NewConnection(
	l *loop.Loop, opts Options, sink Sink, owner Owner, maxPayload, room *atomic.Int64, probe string, log *zap.Logger,
) *Connection {
	c := &Connection{
		loop: l, opts: opts, sink: sink, owner: owner, maxPayload: maxPayload, room: room, log: log, probe: probe,
		hurry: make(chan struct{}, 1),
	}
	c.expiry = l.AfterFunc(0, c.expire)
	c.expiry.Stop()
	c.outage.reason = "not connected to Redis yet"
	return c
}

// Lives returns how many connections have been made. It may be called from anywhere.
func (c *Connection) Lives() uint64 { return c.lives.Load() }

// Version is that of the Redis last connected to; empty: it is not known. It may be called from anywhere.
func (c *Connection) Version() string {
	if v := c.version.Load(); v != nil {
		return *v
	}
	return ""
}

// Standing tells whether there is a connection over which commands are sent at once.
func (c *Connection) Standing() bool { return c.life != nil && c.life.restored }

// Connected tells whether there is a connection, over which names may be subscribed.
func (c *Connection) Connected() bool { return c.life != nil }

// Restored says that all is subscribed again that the owner wants: what waits is sent.
func (c *Connection) Restored() {
	k := c.life
	if k == nil || k.restored {
		return
	}
	k.restored, k.began = true, c.loop.Now()
	select {
	case <-c.hurry: // what was in a hurry is sent now
	default:
	}
	c.waiting.seal(c)
	k.bring(c)
	if c.record.number > 0 {
		k.mark.ask() // before its notes are replaced by those of what waits
	}
	waiting := c.waiting
	c.waiting = pending{}
	k.wire = append(k.wire, waiting.wire...)
	for waiting.list.count > 0 {
		k.push(waiting.list.pop())
	}
	c.arm()
	c.outage.over(c)
}

// Flush writes what was asked for, as far as the socket takes it now. It is called at the end of each turn.
func (c *Connection) Flush() {
	if c.life != nil {
		c.life.flush()
	}
}

// Settle says that what was delivered has been written, and whether none of it is kept: its memory is then
// used again, and reading goes on. It is called at the end of each turn in which that is so.
func (c *Connection) Settle(free bool) {
	if c.life != nil {
		c.life.in.settle(free)
		if c.life.paused {
			c.life.paused = false
			c.life.socket.Again()
		}
	}
}

// Pause has nothing read until Settle: what was delivered before is still to be written.
func (c *Connection) Pause() {
	if c.life != nil {
		c.life.paused = true
	}
}
