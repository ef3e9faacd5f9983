package history

// Readers that wait.

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

var errNoPerm = upstream.ReplyError("NOPERM no")

// liveRoom is a room with a channel c that the Feed watches, up to 5-0.
func liveRoom(t *testing.T) *room {
	r := newRoom(t)
	r.stand(5)
	r.Read([]Cursor{{Channel: "c", Newest: true}}, 0, time.Hour, func([]stream.Result, error) {})
	r.watching["c"](nil)
	r.loop.run()
	for len(r.under) > 0 {
		r.reply(0, []any{[]any{"5-0", int64(1), int64(1), "5-0", int64(0), []any{}, int64(0)}, int64(6)}, nil)
		r.loop.run()
	}
	if c := r.channels.byName["c"]; c.state != live || c.last != (stream.ID{Ms: 5}) {
		t.Fatalf("state %v, last %v", c.state, c.last)
	}
	return r
}

func (r *room) wantRead(t *testing.T, got *read, want ...string) {
	t.Helper()
	r.loop.run()
	if got.err != nil || !slices.Equal(got.ids(), want) || (got.finished == 1) != (len(want) > 0) {
		t.Errorf("got %v, %v, %d times, want %v", got.ids(), got.err, got.finished, want)
	}
}

// TestReadNewestOfALiveChannel begins behind what was sent before the reader came, though that has not been
// heard yet.
func TestReadNewestOfALiveChannel(t *testing.T) {
	r := liveRoom(t)
	got := r.read(0, Cursor{Channel: "c", Newest: true})
	r.entry("c", 6, 2, "sent before")
	r.reply(0, []any{[]any{"6-0", int64(2), int64(2), "5-0", int64(0), []any{}, int64(0)}, int64(7)}, nil)
	r.wantRead(t, got)
	r.entry("c", 7, 3, "sent later")
	if got.finished > 0 {
		t.Error("the reader is answered in the middle of something")
	}
	r.wantRead(t, got, "c 7-0")
}

// TestReadNewestOfAnyOtherChannel begins where the stream ended when Redis was asked, on the connection that
// brings the messages.
func TestReadNewestOfAnyOtherChannel(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	got := r.read(0, Cursor{Channel: "c", Newest: true})
	if len(r.under) != 1 || r.watching["c"] == nil {
		t.Fatalf("%d questions are asked at once, want one, behind the subscription", len(r.under))
	}
	r.watching["c"](nil)
	r.entry("c", 6, 1, "sent before")
	r.wantRead(t, got)
	r.reply(0, []any{[]any{"6-0", int64(1), int64(1), "6-0", int64(0), []any{}, int64(0)}, int64(7)}, nil)
	r.wantRead(t, got)
	r.entry("c", 7, 2, "sent later")
	r.wantRead(t, got, "c 7-0")
}

// TestReadNewestThroughALoss: where the stream ended is asked again, and no answer of before counts.
func TestReadNewestThroughALoss(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	got := r.read(0, Cursor{Channel: "c", Newest: true})
	r.Lost()
	r.reply(0, nil, upstream.ErrUnknown)
	r.watching["c"](nil)
	r.Up()
	if len(r.under) != 1 {
		t.Fatalf("%d questions", len(r.under))
	}
	r.reply(0, []any{[]any{"8-0", int64(3), int64(3), "6-0", int64(0), []any{}, int64(0)}, int64(9)}, nil)
	r.answer = func(context.Context) (any, error) { // what lies between what is known and what is kept here
		return []any{[]any{"0-0", int64(-1), int64(0), "", int64(0), []any{}, int64(0)}, int64(10)}, nil
	}
	r.entry("c", 9, 4, "later")
	r.until("the reader is answered", func() bool { return got.finished > 0 })
	r.wantRead(t, got, "c 9-0")
}

// TestReadNewestOfWhatCannotBeRead is refused; an error of the moment is not told.
func TestReadNewestOfWhatCannotBeRead(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	got := r.read(0, Cursor{Channel: "c", Newest: true})
	r.reply(0, nil, upstream.ErrBusy)
	r.wantRead(t, got)
	r.loop.elapse(retryMax)
	r.reply(0, nil, errNoPerm)
	r.loop.run()
	if got.finished != 1 || !errors.Is(got.err, errNoPerm) {
		t.Errorf("got %v", got.err)
	}
}

// TestReaderOfWhatCannotBeRead is told at once, and not asked for again.
func TestReaderOfWhatCannotBeRead(t *testing.T) {
	r := liveRoom(t)
	asked := make(chan struct{}, 10)
	r.answer = func(context.Context) (any, error) {
		asked <- struct{}{}
		return nil, errNoPerm
	}
	got := r.read(0, Cursor{Channel: "c"}) // what came before is in Redis alone
	r.until("the reader is answered", func() bool { return got.finished > 0 })
	if got.err == nil || got.err.Error() != errNoPerm.Error() || len(asked) != 1 {
		t.Errorf("got %v after %d questions", got.err, len(asked))
	}
}

// TestOlderEntriesAreReadOnce for all who wait, no more than a few at a time.
func TestOlderEntriesAreReadOnce(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	asked, answers := make(chan struct{}, 100), make(chan struct{})
	r.answer = func(context.Context) (any, error) {
		asked <- struct{}{}
		<-answers
		return []any{[]any{"0-0", int64(-1), int64(0), "", int64(0), []any{
			[]any{"3-0", []any{"payload", "old"}},
		}, int64(0)}, int64(6)}, nil
	}
	var list []*read
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		c := r.channels.start(name, live, stream.ID{Ms: 5})
		c.recent.restart(c.last)
		list = append(list, r.read(0, Cursor{Channel: name}), r.read(0, Cursor{Channel: name}))
	}
	for range maxFetches {
		<-asked
	}
	if len(asked) > 0 {
		t.Errorf("more than %d questions are under way", maxFetches)
	}
	close(answers)
	r.until("all are answered", func() bool {
		return !slices.ContainsFunc(list, func(got *read) bool { return got.finished == 0 })
	})
	for _, got := range list {
		if len(got.ids()) != 1 || got.finished != 1 {
			t.Errorf("got %v, %d times", got.ids(), got.finished)
		}
	}
	if n := len(asked); n != 2 {
		t.Errorf("%d more questions, want one for each channel", n)
	}
}

// TestReadEnds by its time, by Cancel, and when the channel has no history any more.
func TestReadEnds(t *testing.T) {
	r := liveRoom(t)
	late := r.read(time.Second, Cursor{Channel: "c", After: stream.ID{Ms: 5}})
	cancelled := r.read(time.Second, Cursor{Channel: "c", After: stream.ID{Ms: 5}})
	both := r.read(0, Cursor{Channel: "c", After: stream.ID{Ms: 5}})
	forgotten := r.read(0, Cursor{Channel: "c", After: stream.ID{Ms: 9}})
	r.Cancel(cancelled.PendingRead)
	r.loop.elapse(time.Second)
	if late.finished != 1 || late.err != nil || len(late.list) > 0 {
		t.Errorf("after its time: %v, %v, %d times", late.list, late.err, late.finished)
	}
	r.entry("c", 6, 2, "six")
	r.Cancel(both.PendingRead) // in the same turn
	r.Forget("c")
	r.loop.run()
	if !errors.Is(forgotten.err, errMoved) {
		t.Errorf("without history: %v", forgotten.err)
	}
	if cancelled.finished+both.finished > 0 {
		t.Error("who had cancelled was answered")
	}
	if s := r.Stats(); s.Readers > 0 || s.Kept > 0 || len(r.ended) != 1 {
		t.Errorf("%+v, watches ended %v", s, r.ended)
	}
}

// TestWatchIsRefused ends those who wait. Whether Refused is called as well makes no difference.
func TestWatchIsRefused(t *testing.T) {
	for name, refuse := range map[string]func(r *room){
		"the watch":      func(r *room) { r.watching["c"](errNoPerm) },
		"the name, then": func(r *room) { r.Refused("c", errNoPerm); r.watching["c"](errNoPerm) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			r.nobody = true
			r.stand(5)
			got := r.read(0, Cursor{Channel: "c", After: stream.ID{Ms: 5}})
			refuse(r)
			r.loop.run()
			if got.finished != 1 || !errors.Is(got.err, errNoPerm) {
				t.Errorf("got %v, %d times", got.err, got.finished)
			}
			if len(r.ended) > 0 || len(r.channels.byName) > 0 {
				t.Errorf("watches ended %v, %d channels", r.ended, len(r.channels.byName))
			}
		})
	}
	t.Run("after a loss", func(t *testing.T) {
		r := liveRoom(t)
		r.nobody = true
		got := r.read(0, Cursor{Channel: "c", After: stream.ID{Ms: 5}})
		r.Lost()
		r.Refused("c", errNoPerm)
		r.loop.run()
		if !errors.Is(got.err, errNoPerm) || len(r.ended) != 1 || len(r.channels.byName) > 0 {
			t.Errorf("got %v, watches ended %v, %d channels", got.err, r.ended, len(r.channels.byName))
		}
	})
}

// TestEarlierSubscription: the answer to a subscription that has ended says nothing of the next one.
func TestEarlierSubscription(t *testing.T) {
	r := newRoom(t)
	r.nobody = true
	r.stand(5)
	r.Cancel(r.Read([]Cursor{{Channel: "c"}}, 0, 0, func([]stream.Result, error) {}))
	first := r.watching["c"]
	r.memory.Store(0) // no room for channels that nobody reads
	r.Read([]Cursor{{Channel: "d"}}, 0, 0, func([]stream.Result, error) {})
	r.memory.Store(1 << 30)
	got := r.read(0, Cursor{Channel: "c", After: stream.ID{Ms: 5}})
	if len(r.ended) != 1 {
		t.Fatalf("watches ended: %v", r.ended)
	}
	first(nil)
	if c := r.channels.byName["c"]; c.state != unsubscribed {
		t.Errorf("state %v before the watch is confirmed", c.state)
	}
	r.watching["c"](nil)
	r.entry("c", 6, 1, "six")
	r.loop.run()
	if c := r.channels.byName["c"]; c.state != live || got.finished > 1 {
		t.Errorf("state %v", c.state)
	}
}

// TestReleasedWhileWatched: when the last listener's subscription ends before that of the Feed begins, what
// comes in between is not taken for heard.
func TestReleasedWhileWatched(t *testing.T) {
	r := newRoom(t)
	r.stand(5)
	r.Subscribed("c") // for a listener
	r.entry("c", 6, 1, "six")
	r.expect(t, "c six")
	r.nobody = true
	got := r.read(0, Cursor{Channel: "c", After: stream.ID{Ms: 6}})
	r.Unsubscribed("c") // it had left before the reader came
	if c := r.channels.byName["c"]; c == nil || c.state != unsubscribed {
		t.Fatalf("the channel is %+v, want it unheard", c)
	}
	r.loop.run()
	r.wantRead(t, got)
	r.answer = func(context.Context) (any, error) {
		return []any{[]any{"0-0", int64(-1), int64(0), "", int64(0), []any{
			[]any{"7-0", []any{"payload", "seven"}}, []any{"8-0", []any{"payload", "eight"}},
		}, int64(0)}, int64(9)}, nil
	}
	r.watching["c"](nil) // 7-0 came before
	r.entry("c", 8, 3, "eight")
	r.until("the reader is answered", func() bool { return got.finished > 0 })
	r.wantRead(t, got, "c 7-0", "c 8-0")
}

// TestResubscribed: a listener that comes while the last one's end is still to be confirmed does not get what
// was published in between.
func TestResubscribed(t *testing.T) {
	r := newRoom(t)
	r.say = func(keys []string, args []any) (any, error) { return found(9, args), nil }
	r.stand(5)
	r.Subscribed("c")
	r.loop.run()
	r.entry("c", 10, 1, "ten")
	r.Subscribed("c") // 11-0 came before
	r.entry("c", 12, 3, "twelve")
	r.expect(t, "c ten", "c twelve")
	r.loop.run()
	r.expect(t)
	if c := r.channels.byName["c"]; c.state != live || c.last != (stream.ID{Ms: 12}) || !c.compared {
		t.Errorf("%+v", c)
	}
}
