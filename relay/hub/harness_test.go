package hub

// What the tests share: socket pairs with a reader behind, and a Redis that
// confirms when it is told to.

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"redis-relay/relay/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait that is expected to be short.
const patience = 10 * time.Second

// socketPair returns two ends of a Unix socket of the type given. The test closes
// both.
func socketPair(t testing.TB, kind int) (ours, theirs *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	return unixConn(t, fds[0]), unixConn(t, fds[1])
}

func unixConn(t testing.TB, fd int) *net.UnixConn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "socketpair")
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.UnixConn)
}

// peer is an Outbox and the far end of its connection.
type peer struct {
	*Outbox
	t       testing.TB
	far     *net.UnixConn
	bounds  *Bounds
	limit   *atomic.Int64 // of bounds
	ended   chan Reason   // by bounds
	writers *sync.WaitGroup
}

// newPeer returns an Outbox with a queue of limit bytes over a stream.
func newPeer(t testing.TB, limit int64) *peer { return newPeerOn(t, syscall.SOCK_STREAM, limit) }

func newPeerOn(t testing.TB, socket int, limit int64) *peer {
	t.Helper()
	return newPeerWithin(t, socket, limit, new(Bounds))
}

// newPeerWithin shares bounds with others, of which it sets the queue's.
func newPeerWithin(t testing.TB, socket int, limit int64, bounds *Bounds) *peer {
	t.Helper()
	near, far := socketPair(t, socket)
	p := &peer{t: t, far: far, bounds: bounds, limit: &bounds.Queue, writers: new(sync.WaitGroup), ended: make(chan Reason, 100)}
	p.limit.Store(limit)
	var err error
	if p.Outbox, err = NewOutbox(near, bounds, p.writers, func(why Reason) { p.ended <- why }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		p.writers.Wait()
	})
	return p
}

// expect reads exactly what must come next.
func (p *peer) expect(want string) {
	p.t.Helper()
	b := make([]byte, len(want))
	_ = p.far.SetReadDeadline(time.Now().Add(patience))
	n, err := io.ReadFull(p.far, b)
	if string(b[:n]) != want {
		p.t.Fatalf("read %.200q, %v\nwant %.200q", b[:n], err, want)
	}
}

// nothing fails if bytes have been written and not read. What a Flush wrote is
// there when it returns.
func (p *peer) nothing() {
	p.t.Helper()
	raw, err := p.far.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	b := make([]byte, 100)
	err = raw.Read(func(fd uintptr) bool {
		if n, _, err := syscall.Recvfrom(int(fd), b, syscall.MSG_DONTWAIT); err == nil && n > 0 {
			p.t.Errorf("unexpected %q", b[:n])
		}
		return true
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// fill makes the socket refuse more, and the Outbox wait for the peer. It returns
// how many bytes went in.
func (p *peer) fill() (n int) {
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
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// member is a listener with its peer.
type member struct {
	*peer
	*Listener
	ends   []Reason // guarded by Hub.mu
	missed []Missed // reported by Flush; for the goroutine that flushes
}

func newMember(t testing.TB, limit int64) *member { return memberOn(newPeer(t, limit)) }

func memberOn(p *peer) *member {
	m := &member{peer: p}
	m.Listener = NewListener(p.Outbox, func(why Reason) { m.ends = append(m.ends, why) },
		func(what Missed) { m.missed = append(m.missed, what) })
	return m
}

func (m *member) wantEnds(t testing.TB, want ...Reason) {
	t.Helper()
	if fmt.Sprint(m.ends) != fmt.Sprint(want) {
		t.Errorf("ended by %q, want %q", m.ends, want)
	}
}

// key is a name of one kind.
type key struct {
	kind resp.Kind
	name string
}

// redis is an Upstream that answers when it is told to. Its fields are guarded by
// Hub.mu while the hub is in use, which the tests are one goroutine for.
type redis struct {
	t      testing.TB
	hub    *Hub
	wanted map[key]bool
	held   map[key]bool
	again  map[key]bool // refused or lost: may be wanted once more
	asked  []key        // what has to be confirmed or released, in order
}

// newHub is a hub on a redis that holds nothing. Names that begin with "local" are
// reserved.
func newHub(t testing.TB) (*Hub, *redis) {
	r := &redis{t: t, wanted: map[key]bool{}, held: map[key]bool{}, again: map[key]bool{}}
	r.hub = New(r, func(name string) bool { return len(name) >= 5 && name[:5] == "local" })
	return r.hub, r
}

func (r *redis) Want(kind resp.Kind, name string, want bool) bool {
	k := key{kind, name}
	if name == "" || r.wanted[k] == want && !(want && r.again[k]) {
		r.t.Errorf("Want(%s, %q, %v) twice", kind, name, want)
	}
	delete(r.again, k)
	if r.wanted[k] = want; !want {
		delete(r.wanted, k)
	}
	if r.held[k] != want {
		r.asked = append(r.asked, k)
	}
	return r.held[k] || !want && slices.Contains(r.asked, k)
}

func (r *redis) Held(kind resp.Kind, name string) bool { return r.held[key{kind, name}] }

// answer does the next thing asked. It reports false when there is none.
func (r *redis) answer() bool {
	if len(r.asked) == 0 {
		return false
	}
	k := r.asked[0]
	r.asked = r.asked[1:]
	switch {
	case r.wanted[k] && !r.held[k]:
		r.held[k] = true
		r.hub.Confirmed(k.kind, k.name)
	case !r.wanted[k]: // it was held, or it is confirmed and let go at once
		delete(r.held, k)
		r.hub.Released(k.kind, k.name)
	}
	return true
}

// answerAll does all that is asked.
func (r *redis) answerAll() {
	for r.answer() {
	}
}

// refuse answers that a name may not be subscribed.
func (r *redis) refuse(kind resp.Kind, name string, why error) {
	r.again[key{kind, name}] = true
	r.hub.Refused(kind, name, why)
}

// lose ends the connection and makes the next one ask for all that is wanted.
func (r *redis) lose(disconnect func(resp.Kind, string) bool) (ended int) {
	lost := maps.Clone(r.held)
	maps.Copy(r.again, lost)
	clear(r.held)
	ended = r.hub.Lost(disconnect)
	for k := range lost {
		if r.wanted[k] && r.again[k] {
			r.t.Errorf("%v was lost, and is not wanted again", k)
		}
	}
	r.asked = nil
	for k := range r.wanted {
		r.asked = append(r.asked, k)
	}
	return ended
}

// joined makes m listen to names at once.
func joined(t testing.TB, h *Hub, r *redis, m *member, names ...string) {
	t.Helper()
	p := h.Join(m.Listener, resp.Message, names, nil)
	r.answerAll()
	if active, err := h.Enter(p); !active {
		t.Fatalf("subscribe to %q: not active, %v", names, err)
	}
}

// subscribe is Join and, at once, Enter.
func subscribe(h *Hub, m *member, kind resp.Kind, names ...string) (p *Pending, active bool) {
	p = h.Join(m.Listener, kind, names, nil)
	active, _ = h.Enter(p)
	return p, active
}

// wantEnter compares what Enter returns.
func wantEnter(t testing.TB, h *Hub, p *Pending, active bool, err error) {
	t.Helper()
	if gotActive, gotErr := h.Enter(p); gotActive != active || !errors.Is(gotErr, err) {
		t.Errorf("Enter: got %v, %v, want %v, %v", gotActive, gotErr, active, err)
	}
}

// isReady takes the value of Ready, if there is one.
func isReady(p *Pending) bool {
	select {
	case <-p.Ready():
		return true
	default:
		return false
	}
}

// isDone tells whether all are closed.
func isDone(all ...<-chan struct{}) bool {
	return !slices.ContainsFunc(all, func(done <-chan struct{}) bool {
		select {
		case <-done:
			return false
		default:
			return true
		}
	})
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
