package hub

// A Redis for tests that answers when it is told to.

import (
	"fmt"
	"slices"
	"testing"

	"redis-relay/relay/resp"
)

// redis is an Upstream that answers when it is told to.
type redis struct {
	t        testing.TB
	hub      *Hub
	refuses  map[string]error // by name
	sent     []string         // commands, as text
	asked    []question       // of these, what is not answered
	released []string

	interrupted []string
	learns      []string         // channels of which it has to be found out what new listeners get first
	full        bool             // there is no room for more names
	roomAwaited []func()         // who waits for some
	known       map[string]First // what they get; it is forgotten when the channel is interrupted
	busy        bool             // nothing more is asked: Learn is answered at once
	delayed     []string         // names whose messages are held up on their way to the hub
	waiting     []func()
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

func (r *redis) Fence(_ resp.Kind, _ []string, done func(bool)) {
	r.sent = append(r.sent, "fence")
	r.asked = append(r.asked, question{done: func(lost bool, _ error) { done(lost) }})
}

// Learn asks about the channels in learns of which nothing is known, or of which that may be forgotten.
func (r *redis) Learn(channels []string, done func()) bool {
	if !slices.ContainsFunc(channels, func(name string) bool {
		_, known := r.known[name]
		return slices.Contains(r.learns, name) && (!known || r.hub.IsAsked(resp.Message, name))
	}) {
		return false
	}
	r.sent = append(r.sent, "learn")
	if r.busy {
		done()
		return true
	}
	r.asked = append(r.asked, question{done: func(bool, error) { done() }})
	return true
}

func (r *redis) IsFull() bool { return r.full }

func (r *redis) AwaitRoom(done func()) { r.roomAwaited = append(r.roomAwaited, done) }

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

func (r *redis) Interrupted(_ resp.Kind, name string) {
	r.interrupted = append(r.interrupted, name)
	delete(r.known, name)
}
func (r *redis) Refused(resp.Kind, string, error) {}
func notify(resp.Kind, string) (disconnect bool)  { return false }
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
