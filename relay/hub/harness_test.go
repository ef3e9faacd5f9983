package hub

// What the tests share: connections whose far ends the test reads, and a Redis that answers when it is
// told to. There is one goroutine, as there is one loop.

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"redis-relay/relay/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait that is expected to be short.
const patience = 30 * time.Second

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
