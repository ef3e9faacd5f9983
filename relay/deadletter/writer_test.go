package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/redistest"
	"redis-relay/relay/upstream"
)

// fakeRedis answers writeScript as it is told to.
type fakeRedis struct {
	gate chan struct{} // no call is answered before it is closed; nil: all are at once

	mu      sync.Mutex
	calls   []string // "batch stream letters", of each call; guarded by mu
	answers []any    // an error, or what the script returns; the default: all is done; guarded by mu
	renewed int      // guarded by mu
}

func (f *fakeRedis) Eval(ctx context.Context, _ *upstream.Script, keys []string, args ...any) (any, error) {
	if f.gate != nil {
		<-f.gate
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n, _ := args[4].(int)
	f.calls = append(f.calls, fmt.Sprint(args[0], " ", keys[0], " ", n))
	if len(f.answers) == 0 {
		return []any{int64(n), int64(0), ""}, nil
	}
	answer := f.answers[0]
	f.answers = f.answers[1:]
	if err, ok := answer.(error); ok {
		return nil, err
	}
	return answer, nil
}

func (f *fakeRedis) Renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renewed++
}

func (f *fakeRedis) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, ", ")
}

// settings are such that nothing waits.
var settings = Settings{Length: 10, PerSecond: 1e6, Room: 1 << 20}

// runWriter runs a Writer in a bubble, and ends it.
func runWriter(t *testing.T, redis *fakeRedis, s Settings, test func(w *Writer)) (stats Stats, told []Loss) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := NewWriter(redis, "", "run", s, func(l Loss) { told = append(told, l) })
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		test(w)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stats = w.Stats()
	})
	return stats, told
}

func TestWriterSendsInBatches(t *testing.T) {
	redis := &fakeRedis{}
	stats, told := runWriter(t, redis, settings, func(w *Writer) {
		redis.gate = make(chan struct{}) // else they go one by one, as they come
		for i := range 150 {
			l := letter()
			if i == 100 {
				l.Stream = "dead:y"
			}
			w.Add(l)
		}
		close(redis.gate)
	})
	if got := redis.said(); !strings.Contains(got, " dead:y 1, ") || strings.Count(got, ",") > 5 {
		t.Errorf("calls: %s", got)
	}
	if stats != (Stats{Written: 150}) || told != nil {
		t.Errorf("%+v, told %v", stats, told)
	}
}

// TestWriterTriesAgain with the same number, until Redis has taken a batch; a part that was taken is not sent again.
func TestWriterTriesAgain(t *testing.T) {
	redis := &fakeRedis{answers: []any{
		upstream.ErrUnknown, upstream.ErrDown, upstream.ReplyError("READONLY You can't write"),
		[]any{int64(2), int64(1), "@user_script: 9: -OOM command not allowed"},
		[]any{int64(1), int64(0), ""},
	}}
	stats, told := runWriter(t, redis, settings, func(w *Writer) {
		w.queue.mu.Lock() // so that they go as one
		for range 3 {
			l := letter()
			w.queue.used += l.weight()
			w.queue.letters = append(w.queue.letters, l)
		}
		w.queue.mu.Unlock()
		w.queue.some <- struct{}{}
		time.Sleep(time.Minute) // of the bubble
	})
	got := redis.said()
	if !strings.HasPrefix(got, "1 dead:x 3, 1 dead:x 3, 1 dead:x 3, 1 dead:x 3, 2 dead:x 1") {
		t.Errorf("calls: %s", got)
	}
	if stats.Written != 2 || stats.Known != 1 || stats.Refused != 0 || told != nil || redis.renewed != 4 {
		t.Errorf("%+v, told %v, renewed %d", stats, told, redis.renewed)
	}
}

func TestWriterGivesUpWhatRedisRefuses(t *testing.T) {
	redis := &fakeRedis{answers: []any{upstream.ReplyError("NOPERM this user"), []any{int64(0), int64(0), "WRONGTYPE no stream"}, "odd"}}
	stats, told := runWriter(t, redis, settings, func(w *Writer) {
		for range 3 {
			w.Add(letter())
			time.Sleep(time.Minute)
		}
	})
	if stats != (Stats{Refused: 3}) || len(told) != 3 || !strings.Contains(told[0].Cause, "NOPERM") {
		t.Errorf("%+v, told %+v", stats, told)
	}
}

// TestWriterHasBounds: of bytes that wait, of letters a second, and of lines about what is lost.
func TestWriterHasBounds(t *testing.T) {
	l := letter()
	s := settings
	s.PerSecond, s.Room = 10, 100*l.weight()
	redis := &fakeRedis{}
	stats, told := runWriter(t, redis, s, func(w *Writer) {
		redis.gate = make(chan struct{}) // else the first ones make room for others
		for range 150 {
			w.Add(letter())
		}
		held := w.Hold(letter()) // there is no room
		held.Keep("OOM", "OOM")
		if got := w.Stats(); got.Waiting != 100 || got.NoRoom != 51 || got.Bytes > s.Room {
			t.Errorf("%+v", got)
		}
		close(redis.gate)
		time.Sleep(5 * time.Second)
		if got := w.Stats().Written; got < 40 || got > 70 {
			t.Errorf("%d written in 5 s at 10/s", got)
		}
		time.Sleep(10 * time.Second)
	})
	lost := uint64(0)
	for _, l := range told {
		lost += l.Letters
	}
	if stats.Written != 100 || stats.Bytes != 0 || len(told) > 2 || lost != 51 {
		t.Errorf("%+v, told %+v", stats, told)
	}
}

// TestLossSaysWhatHoldsLettersUp: the rate, or what Redis answers.
func TestLossSaysWhatHoldsLettersUp(t *testing.T) {
	for want, answer := range map[string]any{
		"more came than dead_letters.rate lets through, or than Redis takes": []any{int64(1), int64(0), ""},
		"too many wait, since Redis takes none: OOM command not allowed":     []any{int64(0), int64(0), "OOM command not allowed"},
		"too many wait, since Redis takes none: " + upstream.ErrDown.Error(): upstream.ErrDown,
	} {
		l, small := letter(), settings
		small.Room, small.PerSecond = 2*l.weight(), 1
		_, told := runWriter(t, &fakeRedis{answers: slices.Repeat([]any{answer}, 100)}, small, func(w *Writer) {
			w.Add(l)
			time.Sleep(2 * time.Second) // it is sent
			for range 4 {               // one may be sent at once
				w.Add(l)
			}
			time.Sleep(time.Second)
		})
		if len(told) == 0 || told[0].Cause != want {
			t.Errorf("told %+v, want %q first", told, want)
		}
	}
}

func TestHeldMessages(t *testing.T) {
	redis := &fakeRedis{}
	stats, _ := runWriter(t, redis, settings, func(w *Writer) {
		taken, refused := w.Hold(letter()), w.Hold(letter())
		if w.Stats().Bytes == 0 {
			t.Error("nothing is charged")
		}
		taken.Release()
		refused.Keep("NOPERM", "NOPERM "+strings.Repeat("x", 100))
	})
	if stats != (Stats{Written: 1}) {
		t.Errorf("%+v", stats)
	}
}

// TestWriterEnds: what Redis does not take at the end is counted and told.
func TestWriterEnds(t *testing.T) {
	redis := &fakeRedis{}
	for range 100 {
		redis.answers = append(redis.answers, errors.New("away"))
	}
	stats, told := runWriter(t, redis, settings, func(w *Writer) {
		for range 100 {
			w.Add(letter())
		}
	})
	if stats.Ended != 100 || stats.Waiting != 0 || stats.Bytes != 0 || len(told) != 1 || told[0].Letters != 100 {
		t.Errorf("%+v, told %+v", stats, told)
	}
}

// TestAnswerOfARepeatedBatch tells again which letters others had written.
func TestAnswerOfARepeatedBatch(t *testing.T) {
	reader := upstream.NewReader(upstream.Options{URL: redistest.Start(t).URL(), Name: "test"}, zap.NewNop())
	defer reader.Close()
	theirs, ours := letter(), letter()
	theirs.Direction, ours.Payload = Inbound, []byte("other")
	for _, c := range []struct {
		run         string
		letters     []Letter
		done, known int
	}{{"a", []Letter{theirs}, 1, 0}, {"b", []Letter{theirs, ours}, 2, 1}, {"b", []Letter{theirs, ours}, 2, 1}} {
		b := &batch{number: 1, letters: c.letters}
		keys, args := b.call("", c.run, &settings)
		v, err := reader.Eval(t.Context(), writeScript, keys, args...)
		if err != nil {
			t.Fatal(err)
		}
		if done, known, refused, err := parseWritten(v); done != c.done || known != c.known || refused != "" || err != nil {
			t.Errorf("%s: %d done, %d known, %q, %v", c.run, done, known, refused, err)
		}
	}
}

// TestWriterCountsWhatComesLate, after the end.
func TestWriterCountsWhatComesLate(t *testing.T) {
	w := NewWriter(&fakeRedis{}, "", "run", settings, func(Loss) {})
	held := w.Hold(letter())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	w.Add(letter())
	held.Keep("NOPERM", "NOPERM")
	if stats := w.Stats(); stats != (Stats{Ended: 2}) {
		t.Errorf("%+v", stats)
	}
}

// TestAllTextsOfClientsTakeRoom.
func TestAllTextsOfClientsTakeRoom(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, l := range map[string]Letter{
		"payload": {Payload: []byte(long)}, "channel": {Channel: long}, "name": {Publisher: Publisher{Name: long}},
		"field": {Field: long}, "reason": {Reason: long}, "pointer": {Pointer: long},
	} {
		if l.weight() < 1<<20 {
			t.Errorf("%s is not charged", name)
		}
	}
}
