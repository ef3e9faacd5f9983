package history

// Readers that are told to wait no longer.

import (
	"context"
	"testing"
	"time"

	"redis-relay/relay/stream"
)

// TestStopWaitingForWhatIsToCome ends at once where it is known that there are no entries.
func TestStopWaitingForWhatIsToCome(t *testing.T) {
	for name, at := range map[string]Cursor{
		"behind the newest": {Channel: "c", After: stream.ID{Ms: 5}},
		"at the newest":     {Channel: "c", Newest: true},
		"of an unknown one": {Channel: "d", Newest: true},
	} {
		for _, block := range []time.Duration{0, time.Hour} {
			r := liveRoom(t)
			got := r.read(block, at)
			r.StopWaiting(got.PendingRead)
			r.StopWaiting(got.PendingRead)
			if got.finished > 0 {
				t.Errorf("%s: it is ended during the call", name)
			}
			r.loop.run()
			r.StopWaiting(got.PendingRead)
			r.loop.elapse(time.Hour)
			if got.finished != 1 || got.err != nil || len(got.list) > 0 {
				t.Errorf("%s: got %v, %v, %d times", name, got.list, got.err, got.finished)
			}
		}
	}
}

// TestStopWaitingForWhatExists gets the entries that exist, if Redis tells them soon.
func TestStopWaitingForWhatExists(t *testing.T) {
	r := liveRoom(t)
	answers := make(chan struct{})
	r.answer = func(context.Context) (any, error) {
		<-answers
		return []any{[]any{"0-0", int64(-1), int64(0), "", int64(0), []any{
			[]any{"3-0", []any{"payload", "old"}},
		}, int64(0)}, int64(6)}, nil
	}
	got := r.read(0, Cursor{Channel: "c"})
	r.StopWaiting(got.PendingRead)
	r.loop.run()
	if got.finished > 0 {
		t.Errorf("it ended with %v before Redis had answered", got.list)
	}
	close(answers)
	r.until("it is answered", func() bool { return got.finished > 0 })
	r.wantRead(t, got, "c 3-0")
}

// TestStopWaitingForASilentRedis ends after lookPatience, also while there is no connection.
func TestStopWaitingForASilentRedis(t *testing.T) {
	for _, lost := range []bool{false, true} {
		r := liveRoom(t)
		answers := make(chan struct{})
		r.answer = func(context.Context) (any, error) { <-answers; return nil, context.Canceled }
		if lost {
			r.Lost()
		}
		got := r.read(0, Cursor{Channel: "c"})
		r.StopWaiting(got.PendingRead)
		r.loop.elapse(lookPatience - time.Millisecond)
		if got.finished > 0 {
			t.Errorf("lost: %v: it ended early", lost)
		}
		r.loop.elapse(lookPatience)
		if got.finished != 1 || got.err != nil || len(got.list) > 0 {
			t.Errorf("lost: %v: got %v, %v, %d times", lost, got.list, got.err, got.finished)
		}
		close(answers)
	}
}
