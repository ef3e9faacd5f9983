package hub

// What the tests share: connections whose far ends the test reads, and a Redis that answers when it is
// told to. There is one goroutine, as there is one loop.

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"redis-relay/relay/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait that is expected to be short.
const patience = 10 * time.Second

// loopTurn is what the connections of one test share, as those of a loop do.
type loopTurn struct {
	flusher Flusher
	peers   []*peer
}

var loopTurns sync.Map // testing.TB → *turn

func loopTurnOf(t testing.TB) *loopTurn {
	if w, has := loopTurns.Load(t); has {
		return w.(*loopTurn)
	}
	w := new(loopTurn)
	loopTurns.Store(t, w)
	t.Cleanup(func() { loopTurns.Delete(t) })
	return w
}

// flush ends a turn: what was delivered is written.
func flush(t testing.TB, h *Hub) {
	h.FanOut()
	loopTurnOf(t).flush()
}

func (w *loopTurn) flush() {
	for !w.flusher.Flush() { //nolint:revive // it goes on
	}
}

// endTurn ends a turn, after flush, and reports whether the buffers can be used again.
func endTurn(t testing.TB, h *Hub) (free bool) {
	free = loopTurnOf(t).flusher.BuffersReusable()
	h.ReuseBuffers(free)
	return free
}

// writeWaiting has the connections that wait for room try to write.
func (w *loopTurn) writeWaiting() {
	for _, p := range w.peers {
		if p.waits {
			p.Writable()
		}
	}
}

// peer is an Outbox and the far end of its connection.
type peer struct {
	*Outbox
	t      testing.TB
	near   int
	far    int
	waits  bool // for room
	bounds *Bounds
	ends   chan Reason // by bounds
}

// FD is Socket.
func (p *peer) FD() int { return p.near }

// AwaitWritable is Socket.
func (p *peer) AwaitWritable(on bool) { p.waits = on }

// newPeer returns an Outbox with a queue of limit bytes over a stream.
func newPeer(t testing.TB, limit int64) *peer { return newPeerOn(t, syscall.SOCK_STREAM, limit) }

func newPeerOn(t testing.TB, socket int, limit int64) *peer {
	t.Helper()
	return newPeerWithin(t, socket, limit, new(Bounds))
}

// newPeerWithin shares bounds with others, of which it sets the queue's.
func newPeerWithin(t testing.TB, socket int, limit int64, bounds *Bounds) *peer {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, socket, 0)
	if err == nil {
		err = errors.Join(syscall.SetNonblock(fds[0], true), syscall.SetNonblock(fds[1], true))
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, near: fds[0], far: fds[1], bounds: bounds, ends: make(chan Reason, 100)}
	bounds.Queue.Store(limit)
	w := loopTurnOf(t)
	p.Outbox = NewOutbox(p, bounds, &w.flusher, func(why Reason) { p.ends <- why }, nil)
	w.peers = append(w.peers, p)
	t.Cleanup(func() {
		p.Close()
		_ = syscall.Close(p.near)
		p.hangUp()
	})
	return p
}

// hangUp closes the far end.
func (p *peer) hangUp() {
	if p.far >= 0 {
		_ = syscall.Close(p.far)
		p.far = -1
	}
}

// Flush writes all connections of the test.
func (p *peer) Flush() { loopTurnOf(p.t).flush() }

// reserveReply reserves a slot; nil: there is no room.
func (p *peer) reserveReply() *Slot { return p.reserve(&Slot{}) }

// reserveConfirmation reserves a slot for a reply that is completed in order with the messages.
func (p *peer) reserveConfirmation() *Slot { return p.reserve(&Slot{Confirms: true}) }

func (p *peer) reserve(s *Slot) *Slot {
	if !p.Reserve(s) {
		return nil
	}
	return s
}

// take reads up to n bytes that are there, and has the rest written.
func (p *peer) take(n int) []byte {
	b := make([]byte, n)
	got, err := syscall.Read(p.far, b)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		got = 0
	case err != nil:
		p.t.Fatal(err)
	}
	loopTurnOf(p.t).writeWaiting()
	return b[:got]
}

// read reads so many bytes.
func (p *peer) read(n int) (b []byte) {
	p.t.Helper()
	for tries := 0; len(b) < n; tries++ {
		some := p.take(min(n-len(b), 256<<10))
		if b = append(b, some...); len(some) > 0 {
			tries = 0
		} else if tries > 10 {
			return b // everything happens in this goroutine: nothing more comes
		}
	}
	return b
}

// expect reads exactly what must come next.
func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.read(len(want)); string(got) != want {
		p.t.Fatalf("read %.200q\nwant %.200q", got, want)
	}
}

// skip reads so many bytes, whatever they are.
func (p *peer) skip(n int) {
	p.t.Helper()
	if got := len(p.read(n)); got != n {
		p.t.Fatalf("read %d bytes, want %d", got, n)
	}
}

// nothing fails if bytes have been written and not read.
func (p *peer) nothing() {
	p.t.Helper()
	if b := p.take(100); len(b) > 0 {
		p.t.Errorf("unexpected %q", b)
	}
}

// fillSocket makes the socket refuse more, and the Outbox wait for the peer. It returns
// how many bytes went in.
func (p *peer) fillSocket() (n int) {
	p.t.Helper()
	for piece := make([]byte, 64<<10); ; {
		if !p.Append(piece) {
			p.t.Fatal("the queue was full before the socket")
		}
		n += len(piece)
		p.Flush()
		if p.Queued() > 0 {
			return n
		}
	}
}

// eventually waits for what no event announces.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if loopTurnOf(t).writeWaiting(); time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// member is a listener with its peer.
type member struct {
	*peer
	*Listener
	why    []Reason
	missed []Missed // reported
}

func newMember(t testing.TB, limit int64) *member { return memberOn(newPeer(t, limit)) }

func memberOn(p *peer) *member {
	m := &member{peer: p}
	m.Listener = NewListener(p.Outbox, func(why Reason) { m.why = append(m.why, why) },
		func(what Missed) { m.missed = append(m.missed, what) })
	return m
}

func (m *member) wantEnds(t testing.TB, want ...Reason) {
	t.Helper()
	if fmt.Sprint(m.why) != fmt.Sprint(want) {
		t.Errorf("ended by %q, want %q", m.why, want)
	}
}

// redis is an Upstream that answers when it is told to.
type redis struct {
	t        testing.TB
	hub      *Hub
	refuses  map[string]error // by name
	sent     []string         // commands, as text
	asked    []question       // of these, what is not answered
	released []string
	delayed  []string // names whose messages are held up on their way to the hub
	waiting  []func()
}

type question struct {
	on    bool
	names []string
	done  func(lost bool, refused error)
}

// newHub is a hub on a redis that holds nothing. Names that begin with "local" are
// reserved.
func newHub(t testing.TB) (*Hub, *redis) {
	r := &redis{t: t, refuses: map[string]error{}}
	r.hub = New(r, func(name string) bool { return len(name) >= 5 && name[:5] == "local" })
	r.restore()
	return r.hub, r
}

func (r *redis) Subscribe(kind resp.Kind, names []string, done func(bool, error)) {
	r.sent = append(r.sent, fmt.Sprint(kind.Subscribe(), names))
	r.asked = append(r.asked, question{true, names, done})
}

func (r *redis) Unsubscribe(kind resp.Kind, names []string, done func(bool, error)) {
	r.sent = append(r.sent, fmt.Sprint(kind.Unsubscribe(), names))
	r.asked = append(r.asked, question{false, names, done})
}

func (r *redis) Fence(done func(bool)) {
	r.sent = append(r.sent, "fence")
	r.asked = append(r.asked, question{done: func(lost bool, _ error) { done(lost) }})
}

// AwaitDelivered waits for deliverDelayed, if messages of the names are delayed.
func (r *redis) AwaitDelivered(_ resp.Kind, names []string, done func()) {
	if slices.ContainsFunc(names, func(name string) bool { return slices.Contains(r.delayed, name) }) {
		r.waiting = append(r.waiting, done)
		return
	}
	done()
}

// deliverDelayed lets the waiting calls go on.
func (r *redis) deliverDelayed() {
	list := r.waiting
	r.waiting, r.delayed = nil, nil
	for _, done := range list {
		done()
	}
}

func (r *redis) Released(_ resp.Kind, name string) { r.released = append(r.released, name) }
func (r *redis) Refused(resp.Kind, string, error)  {}
func notify(resp.Kind, string) (disconnect bool)   { return false }
func (r *redis) wantSent(t testing.TB, want ...string) {
	t.Helper()
	if !slices.Equal(r.sent, want) {
		t.Errorf("sent %q, want %q", r.sent, want)
	}
	r.sent = nil
}

// restore begins a connection.
func (r *redis) restore() *bool {
	done := new(bool)
	r.hub.Restore(func() { *done = true })
	return done
}

// answer answers the next thing asked. It reports false when there is none.
func (r *redis) answer() bool {
	if len(r.asked) == 0 {
		return false
	}
	q := r.asked[0]
	r.asked = r.asked[1:]
	var refused error
	for _, name := range q.names {
		if q.on && r.refuses[name] != nil {
			refused = r.refuses[name]
		}
	}
	q.done(false, refused)
	return true
}

// answerAll answers all that is asked.
func (r *redis) answerAll() {
	for r.answer() {
	}
}

// lose ends the connection.
func (r *redis) lose(disconnect func(resp.Kind, string) bool) (ended int) {
	asked := r.asked
	r.asked = nil
	ended = r.hub.Lost(disconnect)
	for _, q := range asked {
		q.done(true, nil)
	}
	return ended
}

// outcome is what became of a Subscribe or an Unsubscribe.
type outcome struct {
	done    int // calls
	refused error
}

// subscribe begins a subscription.
func subscribe(h *Hub, m *member, kind resp.Kind, names ...string) *outcome {
	o := new(outcome)
	h.Subscribe(m.Listener, kind, names, func(refused error) { o.done++; o.refused = refused })
	return o
}

// unsubscribe begins to end one.
func unsubscribe(h *Hub, m *member, kind resp.Kind, names ...string) *outcome {
	o := new(outcome)
	h.Unsubscribe(m.Listener, kind, names, func() { o.done++ })
	return o
}

func (o *outcome) want(t testing.TB, done int, refused error) {
	t.Helper()
	if o.done != done || !errors.Is(o.refused, refused) {
		t.Errorf("done %d times, %v; want %d, %v", o.done, o.refused, done, refused)
	}
}

// subscribeNow makes m listen to names at once.
func subscribeNow(t testing.TB, h *Hub, r *redis, m *member, names ...string) {
	t.Helper()
	o := subscribe(h, m, resp.Message, names...)
	r.answerAll()
	o.want(t, 1, nil)
}

// frame is a message as Redis sends it.
func frame(channel, payload string) []byte {
	return resp.AppendMessage(nil, resp.RESP2, "message", []byte(channel), []byte(payload))
}

// chunk is messages that stand next to each other in memory, as they come from
// one read.
func chunk(messages ...[]byte) (frames [][]byte) {
	var all []byte
	for _, m := range messages {
		all = append(all, m...)
	}
	for _, m := range messages {
		frames = append(frames, all[:len(m)])
		all = all[len(m):]
	}
	return frames
}

func say(h *Hub, channel, payload string, mode Mode) int {
	return h.Deliver(resp.Message, []byte(channel), frame(channel, payload), mode)
}
