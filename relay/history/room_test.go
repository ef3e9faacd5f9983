package history

// A Feed without Redis: a loop that the test turns, and listeners that note what they hear.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// room is a Feed with Redis told what to answer, and listeners that note what they hear.
type room struct {
	*Feed
	t        *testing.T
	loop     *testLoop
	heard    []string
	epochs   []uint64 // of what was heard
	traces   []string // of what was heard
	gaps     []Gap
	patterns []string // that match every channel
	nobody   bool     // listens by name
	takes    int      // bytes that listeners take; 0: any
	got      int      // bytes of payload that they have got of them
	kept     time.Duration
	memory   atomic.Int64                                 // what may be held
	answer   func(ctx context.Context) (any, error)       // of the reading connection
	say      func(keys []string, args []any) (any, error) // what Redis answers at once; nil: nothing yet
	time     uint64                                       // of Redis, in ms, when it is asked alone
	under    []asked                                      // questions on the main connection that are not answered
	most     int                                          // questions that were under way together
	watching map[string]func(refused error)
	ended    []string // watches
}

// asked is a question on the main connection.
type asked struct {
	keys []string
	args []any
	done func(v any, err error)
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, loop: newTestLoop(t), watching: map[string]func(error){}}
	r.answer = func(context.Context) (any, error) { return nil, errors.New("not now") }
	r.memory.Store(1 << 30)
	r.Feed = NewFeed(r.loop, mainOf{r}, r, r, PlainNames{}, &r.memory, &r.memory, zap.NewNop())
	r.Start()
	t.Cleanup(func() {
		r.Close()
		r.Wait()
	})
	return r
}

// stand has all subscriptions stand, at a time of Redis.
func (r *room) stand(seen uint64) { r.link.up, r.link.session, r.past.redisTime = true, 1, seen }

// Do is Redis.
func (r *room) Do(ctx context.Context, _ ...any) (any, error) { return r.answer(ctx) }

// mainOf is the main connection.
type mainOf struct{ *room }

// Eval is Main.
func (m mainOf) Eval(_ *upstream.Script, keys []string, done func(v any, err error), args ...any) {
	m.under = append(m.under, asked{keys, args, done})
	m.most = max(m.most, len(m.under))
	if m.say != nil {
		m.loop.Post(m.answerOne)
	}
}

// Do is MainConn.Do: Redis tells the time, if it is to tell anything.
func (m mainOf) Do(done func(v any, err error), args ...any) {
	if m.time == 0 {
		done(nil, errors.New("not now"))
		return
	}
	m.t.Helper()
	if !slices.Equal(args, []any{"TIME"}) {
		m.t.Errorf("asked %q", args)
	}
	done([]any{fmt.Sprint(m.time / 1000), fmt.Sprint(m.time % 1000 * 1000)}, nil)
}

// answerOne answers the question that was asked first.
func (r *room) answerOne() {
	if len(r.under) > 0 {
		v, err := r.say(r.under[0].keys, r.under[0].args)
		r.reply(0, v, err)
	}
}

// Eval is Redis.
func (r *room) Eval(ctx context.Context, _ *upstream.Script, _ []string, _ ...any) (any, error) {
	return r.answer(ctx)
}

func (r *room) reply(question int, v any, err error) {
	q := r.under[question]
	r.under = slices.Delete(r.under, question, question+1)
	q.done(v, err)
}

func (r *room) Deliver(d *resp.Delivery) {
	r.heard = append(r.heard, fmt.Sprintf("%s%s %s", d.Channel, d.Pattern, d.Payload))
	r.epochs = append(r.epochs, d.Epoch)
	r.traces = append(r.traces, d.Trace)
	r.got += len(d.Payload)
}
func (r *room) IsSent(string) bool { return false }

func (r *room) Names(string) (bool, []string) { return !r.nobody, slices.Clone(r.patterns) }
func (r *room) Patterns() []string            { return r.patterns }
func (r *room) Room(string) (int, bool) {
	if r.takes == 0 {
		return window, true
	}
	return r.takes - r.got, r.got == 0
}
func (r *room) StreamTTL(string) time.Duration                  { return r.kept }
func (r *room) Subscribe(name string, done func(refused error)) { r.watching[name] = done }
func (r *room) Unsubscribe(name string)                         { r.ended = append(r.ended, name) }
func (r *room) Missed(g Gap)                                    { r.gaps = append(r.gaps, g) }

func (r *room) expect(t *testing.T, w ...string) {
	t.Helper()
	if !slices.Equal(r.heard, w) {
		t.Errorf("heard %q, want %q", r.heard, w)
	}
	r.heard = nil
}

// tell brings an announcement, by the name of the channel or by a pattern.
func (r *room) tell(channel, pattern, text string) {
	d := resp.Delivery{Channel: []byte(SeqPrefix + channel), Payload: []byte(text)}
	if pattern != "" {
		d.Kind, d.Pattern = resp.PMessage, []byte(SeqPrefix+pattern)
	}
	r.Control(&d)
	clear(d.Channel) // as the connection's memory, it is not the Feed's
	clear(d.Payload)
}

// accept is what the caller of Accept does.
func (r *room) accept(d *resp.Delivery) {
	if r.Accept(d) {
		r.Deliver(d)
	}
}

// entry brings an entry, with its announcement.
func (r *room) entry(channel string, id, count int, payload string) {
	r.tell(channel, "", fmt.Sprintf("%d-0 p %d", id, count))
	r.accept(message(channel, "", payload))
}

func message(channel, pattern, payload string) *resp.Delivery {
	d := &resp.Delivery{Channel: []byte(channel), Payload: []byte(payload)}
	if pattern == "" {
		d.Frame = resp.AppendMessage(nil, resp.RESP2, "message", d.Channel, d.Payload)
		return d
	}
	d.Kind, d.Pattern = resp.PMessage, []byte(pattern)
	d.Frame = resp.AppendMessage(nil, resp.RESP2, "pmessage", d.Pattern, d.Channel, d.Payload)
	return d
}

// compareAll answers what is asked of all channels.
func (r *room) compareAll(answer tail) {
	r.asker.queue = nil
	for _, c := range r.channels.byName {
		c.asked = false
		r.healer.compare(c, &answer)
	}
}

// until turns the loop until something is so.
func (r *room) until(what string, cond func() bool) {
	r.t.Helper()
	redistest.Eventually(r.t, redistest.DefaultTimeout, what, func() bool {
		r.loop.run()
		return cond()
	})
}

// read is a reader, and what became of it.
type read struct {
	*PendingRead
	list     []stream.Result
	err      error
	finished int
}

func (r *room) read(block time.Duration, list ...Cursor) *read {
	got := &read{}
	got.PendingRead = r.Read(list, 0, block, func(list []stream.Result, err error) {
		got.list, got.err = list, err
		got.finished++
	})
	return got
}

// ids lists what the reader got.
func (r *read) ids() (list []string) {
	for _, s := range r.list {
		for _, e := range s.Entries {
			list = append(list, s.Channel+" "+e.ID.String())
		}
	}
	return list
}

// testLoop is a loop whose turns are made by the test, and whose timers fire when it says so.
type testLoop struct {
	real *loop.Loop // never run

	mu     sync.Mutex // Guards posted.
	posted []func()

	timers []testTimer
}

type testTimer struct {
	*loop.Timer
	after time.Duration
	f     func()
}

func newTestLoop(t *testing.T) *testLoop {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &testLoop{real: l}
}

func (l *testLoop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posted = append(l.posted, f)
	return true
}

func (l *testLoop) AfterFunc(d time.Duration, f func()) *loop.Timer {
	t := l.real.AfterFunc(time.Hour, f)
	l.timers = append(l.timers, testTimer{t, d, f})
	return t
}

// run makes turns until there is nothing to do.
func (l *testLoop) run() {
	for {
		l.mu.Lock()
		list := l.posted
		l.posted = nil
		l.mu.Unlock()
		if len(list) == 0 {
			return
		}
		for _, f := range list {
			f()
		}
	}
}

// elapse fires the timers of at most d that are set, and reports whether there were any.
func (l *testLoop) elapse(d time.Duration) (some bool) {
	for _, t := range slices.Clone(l.timers) {
		if t.Set() && t.after <= d {
			some = true
			t.Stop()
			t.f()
		}
	}
	l.run()
	return some
}

var (
	_ MainConn  = mainOf{}
	_ Listeners = (*room)(nil)
	_ ReadConn  = (*room)(nil)
	_ Loop      = (*loop.Loop)(nil)
	_ MainConn  = (*upstream.Connection)(nil)
	_ ReadConn  = (*upstream.Reader)(nil)
)
