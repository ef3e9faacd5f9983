package respserver

// One connection: reading, replying, and how it ends.

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

const (
	maxAhead  = 64 << 10               // bytes read while a command waits
	uncounted = 20 << 10               // bytes of commands that may wait without being counted: the buffer of any
	maxUnread = 4 << 10                // bytes left in the socket; who sends more does not wait for each reply
	drainTime = 500 * time.Millisecond // for the last replies to leave, beyond the time for a publish
)

// reasonBarred says that a reload took the right to listen away.
const reasonBarred hub.Reason = "denied"

// errEnding stops a session that was told to end.
var errEnding = errors.New("session is ending")

// long ago: a deadline that makes a Read return at once.
var longAgo = time.Unix(1, 0)

// behind are the reasons of connections that did not keep up: what waits for them is
// not let out any more.
var behind = map[hub.Reason]bool{hub.ReasonSlow: true, hub.ReasonAge: true, hub.ReasonMemory: true}

type session struct {
	// Fixed after construction.
	srv      *Server
	id       uint64
	conn     net.Conn
	raw      syscall.RawConn
	fd       uintptr
	out      *hub.Outbox
	listener *hub.Listener
	peer     peer
	opened   time.Time
	window   chan struct{} // a place for each publish that waits for Redis
	kick     chan struct{} // says that something changed, while no Read is under way
	readOnce func(uintptr) bool
	takeOnce func(uintptr)

	unread unread // requests that are left in the socket until they are answered
	ending atomic.Pointer[hub.Reason]
	active atomic.Int64 // when commands came last, Unix nanoseconds
	owes   atomic.Int64 // since when a command is due that has not come in whole, by Server.clock; 0: none
	last   atomic.Pointer[command]

	doubted atomic.Bool // doubts has something

	turn    atomic.Uint64 // odd while commands may be under way; see arrivals.go
	watched atomic.Bool   // publishers let this session go first; set by run's goroutine

	// Owned by run.
	in       resp.Commands
	ahead    []byte // read while a command waited
	held     int    // bytes of commands that are not carried out, as counted
	charged  int    // and those that the one being carried out needs besides
	readN    int
	readErr  error
	names    [resp.Kinds]map[string]struct{}
	reading  []Position // that XREAD waits for
	scratch  []byte
	skipNext bool // CLIENT REPLY SKIP
	muted    bool // no reply to the command being carried out
	off      bool // CLIENT REPLY OFF
	quit     bool
	unsent   bool      // published, and not flushed
	heeded   bool      // they were let go first since the last read
	arrived  [1]uint64 // room for one who has something unread

	mu sync.Mutex // Guards what follows; most of it CLIENT LIST shows.

	proto   resp.Proto
	db      int // the last that SELECT accepted
	name    string
	libName string
	libVer  string
	counts  [resp.Kinds]int
	doubts  []MayListen // by which to look whether the user may still listen; see Server.Reconsider
}

func newSession(srv *Server, conn net.Conn, p peer) (*session, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errors.New("ERR connection has no file descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &session{
		srv: srv, conn: conn, raw: raw, peer: p, opened: time.Now(),
		window: make(chan struct{}, srv.limits.Window.Load()), kick: make(chan struct{}, 1), proto: resp.RESP2,
	}
	if err := raw.Control(func(fd uintptr) { c.fd = fd }); err != nil {
		return nil, err
	}
	if c.out, err = hub.NewOutbox(conn, &srv.limits.Bounds, &srv.work, c.end); err != nil {
		return nil, err
	}
	c.id = srv.ids.Add(1)
	c.listener = hub.NewListener(c.out, c.end, c.missed)
	c.readOnce = c.readNow
	c.takeOnce = func(fd uintptr) { c.unread.take(int(fd)) }
	c.active.Store(c.opened.UnixNano())
	c.owes.Store(srv.clock()) // its first
	return c, nil
}

// end asks the session to stop. It may be called from anywhere, returns at once,
// and only the first reason counts.
func (c *session) end(why hub.Reason) {
	if c.ending.CompareAndSwap(nil, &why) {
		c.srv.noteEnd(why)
		c.wake()
	}
}

// wake makes a Read, or a wait, of the session look around.
func (c *session) wake() {
	_ = c.conn.SetReadDeadline(longAgo)
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *session) run() {
	defer c.srv.work.Done()
	defer c.srv.remove(c)
	err := c.serve()
	c.begin() // also if it was closed while it waited: publishers wait for the end of this turn
	c.flush()
	c.leaveAll() // before publishers go on, who let this session go first
	c.watch(false)
	c.turn.Store(lastTurn)
	c.takeRead() // a socket closed with bytes in it breaks the connection off
	why := c.ending.Load()
	c.logEnd(why, err)
	if len(c.window) > 0 && c.hungUp() {
		c.srv.backend.TakeBack(c.id) // the client may be trying again
	}
	if why == nil || !behind[*why] {
		c.out.Drain(c.srv.opts.PublishTimeout + drainTime)
	}
	c.out.Close()
}

// logEnd counts, and says, why a connection ended, if that is news: losses and
// shutdowns are told once for all connections.
func (c *session) logEnd(why *hub.Reason, err error) {
	who := c.Identity().Fields()
	switch {
	case why != nil && behind[*why]:
		backlog := c.out.Backlog()
		c.srv.backend.Behind(SlowClient{Client: c.Identity(), Reason: *why, Ended: true, Backlog: backlog})
		text := "client disconnected: it did not keep up"
		if *why == hub.ReasonMemory {
			text = "client disconnected: limits.memory was exceeded, and this client had the most"
		}
		c.srv.log.Warn(text, append(who, zap.String("reason", string(*why)),
			zap.Int("queued_bytes", backlog.Queued), zap.Int("kept_bytes", backlog.Kept))...)
	case why != nil && *why == reasonBarred:
		c.srv.warn("client disconnected: its user may not listen any more to what it listens to", c.peer.key(), who...)
	case why != nil && *why == ReasonCutOff:
		c.srv.warn("client disconnected: its command did not come in whole within limits.command_timeout",
			c.peer.key(), who...)
	case why != nil:
		c.srv.log.Debug("client disconnected", append(who, zap.String("reason", string(*why)))...)
	case err != nil:
		c.srv.log.Debug("client left", append(who, zap.Error(err))...)
	}
}

// missed tells of messages that the client did not get.
func (c *session) missed(m hub.Missed) {
	told := SlowClient{Client: c.Identity(), Backlog: hub.Backlog{Queued: c.out.Queued()}}
	if told.Reason, told.Missed = hub.ReasonDropped, m.Dropped; told.Missed > 0 {
		c.srv.backend.Behind(told)
	}
	if told.Reason, told.Missed = hub.ReasonLatest, m.Replaced; told.Missed > 0 {
		c.srv.backend.Behind(told)
	}
}

// Identity says which connection it is. It is Sender.
func (c *session) Identity() Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Client{ID: c.id, Name: c.name, PID: c.peer.pid, User: c.user()}
}

// serve carries out commands until the connection ends. A nil error means that
// the client was told why, or asked for it.
func (c *session) serve() error {
	for !c.quit {
		c.in.MaxBulk = int(c.srv.limits.Payload.Load())
		cmd, ok, err := c.in.Next()
		var bad *resp.ProtocolError
		switch {
		case errors.As(err, &bad):
			c.push(resp.AppendError(c.scratch, "ERR "+bad.Error())) // also to one that asked for no replies
			return err
		case err != nil:
			return err
		case ok:
			c.execute(cmd)
		default:
			c.flush()
			c.countHeld()
			if err := c.read(); err != nil {
				return err
			}
		}
		c.reconsider()
		if c.ending.Load() != nil {
			return errEnding
		}
	}
	return nil
}

// doubt has the session look whether its user may still listen. It may be called from
// anywhere.
func (c *session) doubt(may MayListen) {
	c.mu.Lock()
	c.doubts = append(c.doubts, may)
	c.doubted.Store(true)
	c.mu.Unlock()
	c.wake()
}

// reconsider ends the session if it was doubted, and with reason.
func (c *session) reconsider() {
	if !c.doubted.Load() {
		return
	}
	c.mu.Lock()
	doubts := c.doubts
	c.doubts = nil
	c.doubted.Store(false)
	c.mu.Unlock()
	for _, may := range doubts {
		if !c.mayStay(may) {
			c.end(reasonBarred)
		}
	}
}

func (c *session) mayStay(may MayListen) bool {
	by := c.user()
	for kind := range resp.Kind(resp.Kinds) {
		for name := range c.names[kind] {
			if !may(by, kind, []byte(name)) {
				return false
			}
		}
	}
	return !slices.ContainsFunc(c.reading, func(p Position) bool {
		return !may(by, resp.Message, []byte(p.Channel))
	})
}

// countHeld counts what there is of commands that wait among what waits for all clients.
func (c *session) countHeld() {
	held := c.in.Held() + len(c.ahead)
	if held <= uncounted {
		held = 0
	}
	if held != c.held {
		c.held = held
		c.out.Coming(c.held + c.charged)
	}
}

// charge counts what the command that is being carried out needs beside its own bytes,
// in the same way.
func (c *session) charge(bytes int) {
	if bytes != c.charged {
		c.charged = bytes
		c.out.Coming(c.held + c.charged)
	}
}

// flush lets out what waits: publishes to Redis, replies to the client. It comes
// before every wait, and when all that was read is carried out.
func (c *session) flush() {
	if c.unsent {
		c.unsent = false
		c.srv.backend.Send(c.id)
	}
	c.out.Flush()
}

// read waits for bytes and puts them where Next finds them.
func (c *session) read() error {
	if len(c.ahead) > 0 {
		n := copy(c.in.Space(), c.ahead)
		c.in.Wrote(n)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return nil
	}
	for {
		err := c.raw.Read(c.readOnce)
		switch {
		case err == nil && c.readErr != nil:
			return c.readErr
		case err == nil && c.readN == 0:
			return io.EOF
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		_ = c.conn.SetReadDeadline(time.Time{}) // an old wake; before looking, not to undo one that comes now
		c.reconsider()
		if c.ending.Load() != nil {
			return errEnding
		}
	}
}

// readNow is the body of read's RawConn.Read. While there is nothing to read the
// session holds no buffer: that is why it does not use conn.Read.
func (c *session) readNow(fd uintptr) bool {
	c.begin()
	space := c.in.Space()
	for {
		n, err := c.unread.read(int(fd), space, !c.watched.Load() && c.readN <= maxUnread)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if len(c.window) == 0 {
				c.unread.take(int(fd)) // no receipt will
			}
			if c.in.Buffered() > 0 && c.owes.Load() == 0 {
				c.owes.Store(c.srv.clock())
			}
			c.in.Release()
			c.idle()
			return false
		case err != nil:
			c.readN, c.readErr = 0, os.NewSyscallError("read", err)
			return true
		}
		c.in.Wrote(n)
		c.readN, c.readErr, c.heeded = n, nil, false
		c.active.Store(time.Now().UnixNano())
		return true
	}
}

// takeRead takes out of the socket the requests that unread left there: all of
// them have been when it returns. It may be called from anywhere.
func (c *session) takeRead() {
	_ = c.raw.Control(c.takeOnce) // closed: nothing is left to take
}

// await blocks until done has a value or is closed; wake is called afterwards. It
// reads on meanwhile, so that a client that goes away is noticed.
func (c *session) await(done <-chan struct{}) error {
	c.flush()
	c.takeRead() // what is left in the socket is still to be carried out
	c.rest()
	defer c.begin()
	buf := make([]byte, 4096)
	for {
		select {
		case <-done:
			return nil
		default:
		}
		c.reconsider()
		if c.ending.Load() != nil {
			return errEnding
		}
		if len(c.ahead) >= maxAhead {
			select {
			case <-done:
				return nil
			case <-c.kick:
				continue
			}
		}
		n, err := c.readAhead(buf)
		c.ahead = append(c.ahead, buf[:n]...)
		c.countHeld()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			_ = c.conn.SetReadDeadline(time.Time{})
		case errors.Is(err, io.EOF):
			return c.awaitLast(done)
		case err != nil:
			return err
		}
	}
}

// rest is idle, unless commands wait behind the one that Redis has to answer: they
// are soon carried out, and publishers let them go first.
func (c *session) rest() {
	if c.in.Buffered() == 0 && len(c.ahead) == 0 {
		c.idle()
	}
}

// readAhead is conn.Read, and begins before it takes anything out of the socket.
func (c *session) readAhead(buf []byte) (n int, err error) {
	waited := c.raw.Read(func(fd uintptr) bool {
		c.begin()
		for {
			n, err = c.unread.read(int(fd), buf, false)
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case errors.Is(err, syscall.EAGAIN):
				c.rest()
				return false
			}
			return true
		}
	})
	switch {
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// awaitLast waits a little longer for a client that has closed its side: it may have
// said all it had to say and want the answers.
func (c *session) awaitLast(done <-chan struct{}) error {
	c.watch(false) // what is unread is the end
	if c.hungUp() {
		return io.EOF
	}
	timer := time.NewTimer(c.srv.opts.PublishTimeout)
	defer timer.Stop()
	if !c.settled(timer, done) {
		return io.EOF
	}
	return nil
}

// acquire takes a place for a publish. Every publish gives its place back within
// the time for a publish, so this does not wait for long.
func (c *session) acquire() error {
	select {
	case c.window <- struct{}{}:
		return nil
	default:
	}
	c.flush()
	for {
		select {
		case c.window <- struct{}{}:
			return nil
		case <-c.kick:
			if c.ending.Load() != nil {
				return errEnding
			}
		}
	}
}

// answered blocks until Redis has answered every publish of the session.
func (c *session) answered() error {
	if len(c.window) == 0 {
		return nil
	}
	for taken := range cap(c.window) { // with all places taken none is on its way
		if err := c.acquire(); err != nil {
			c.giveBack(taken)
			return err
		}
	}
	c.giveBack(cap(c.window))
	return nil
}

func (c *session) giveBack(places int) {
	for range places {
		<-c.window
	}
}

// ask comes before a command asks Redis and waits: after what the session has published,
// and with all earlier answers let out. Publishers need not wait for the session
// until answered is called.
func (c *session) ask() (answered func()) {
	c.flush()
	c.idle()
	return c.begin
}

// timeout is ask with the time that Redis has.
func (c *session) timeout() (context.Context, context.CancelFunc) {
	answered := c.ask()
	ctx, cancel := context.WithTimeout(context.Background(), c.srv.opts.PublishTimeout)
	return ctx, func() {
		cancel()
		answered()
	}
}

// leaveAll ends every subscription.
func (c *session) leaveAll() {
	for kind := range resp.Kind(resp.Kinds) {
		if names := c.names[kind]; len(names) > 0 {
			c.leave(kind, keys(names))
		}
	}
}

func keys(set map[string]struct{}) []string {
	list := make([]string, 0, len(set))
	for name := range set {
		list = append(list, name)
	}
	return list
}

// reply sends a reply, unless the client asked for none.
func (c *session) reply(b []byte) {
	if !c.muted {
		c.push(b)
	}
}

// push sends what is no reply: confirmations are sent even to a client that asked
// for no replies.
func (c *session) push(b []byte) {
	c.out.Reply(b)
	if c.scratch = b[:0]; cap(b) > 4096 {
		c.scratch = nil
	}
}

func (c *session) replyError(text string)  { c.reply(resp.AppendError(c.scratch, text)) }
func (c *session) replySimple(text string) { c.reply(resp.AppendSimple(c.scratch, text)) }
func (c *session) replyInt(n int64)        { c.reply(resp.AppendInt(c.scratch, n)) }
func (c *session) replyBulk(s []byte)      { c.reply(resp.AppendBulk(c.scratch, s)) }

// replyText sends a text for people.
func (c *session) replyText(s string) { c.reply(resp.AppendVerbatim(c.scratch, c.proto, "txt", s)) }

// subscribed counts the subscriptions of one counter: channels and patterns
// share one, shard channels have their own.
func (c *session) subscribed(kind resp.Kind) int64 {
	if kind == resp.SMessage {
		return int64(len(c.names[kind]))
	}
	return int64(len(c.names[resp.Message]) + len(c.names[resp.PMessage]))
}

// subscriberMode tells whether the connection may only do what a RESP2
// subscriber may.
func (c *session) subscriberMode() bool {
	return c.proto == resp.RESP2 && c.subscribed(resp.Message)+c.subscribed(resp.SMessage) > 0
}
