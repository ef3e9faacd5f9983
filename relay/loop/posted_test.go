package loop_test

// Posted functions, waking, and the end.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
)

func TestPostedFunctionsRunInOrder(t *testing.T) {
	l := running(t)
	var got []int
	for i := range 1000 {
		l.Post(func() { got = append(got, i) })
	}
	do(t, l, func() {})
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d of 1000 functions ran, in order: %v", len(got), slices.IsSorted(got))
	}
}

// TestPostFromManyGoroutines: all run, and those of one goroutine in its order.
func TestPostFromManyGoroutines(t *testing.T) {
	l := running(t)
	const posters, each = 16, 500
	var got [posters][]int
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for i := range each {
				l.Post(func() { got[p] = append(got[p], i) })
			}
		})
	}
	all.Wait()
	do(t, l, func() {})
	for p, list := range got {
		if len(list) != each || !slices.IsSorted(list) {
			t.Errorf("poster %d: %d of %d functions ran, in order: %v", p, len(list), each, slices.IsSorted(list))
		}
	}
}

// TestPostFromTheLoop: a posted function that posts does not keep the loop from its other work.
func TestPostFromTheLoop(t *testing.T) {
	l := running(t)
	var seen []uint64
	done := make(chan struct{})
	var again func()
	again = func() {
		if seen = append(seen, l.Turns()); len(seen) == 5 {
			close(done)
			return
		}
		l.Post(again)
	}
	l.Post(again)
	wait(t, "five functions", done)
	for i := range 4 {
		if seen[i+1] != seen[i]+1 {
			t.Fatalf("they ran in the turns %v, want one a turn", seen)
		}
	}
}

// TestEveryPostWakes has functions come at every moment of falling asleep.
func TestEveryPostWakes(t *testing.T) {
	l := running(t)
	fd, peer := pair(t)
	register(t, l, fd, handler(func(loop.Events) { _, _ = drain(fd) }))
	var all sync.WaitGroup
	for p := range 3 {
		all.Go(func() {
			ran := make(chan struct{}, 1)
			for i := range 3000 {
				l.Post(func() { ran <- struct{}{} })
				if p == 0 && i%3 == 0 {
					write(t, peer, "x") // another reason to wake
				}
				wait(t, "a posted function", ran)
			}
		})
	}
	all.Wait()
}

// TestTheEndRacesWithCalls: every function that was accepted runs, and nobody waits for ever.
func TestTheEndRacesWithCalls(t *testing.T) {
	for round := range 200 {
		l := made(t, loop.Options{})
		stop := run(t, l)
		var accepted, ran atomic.Int64
		var all sync.WaitGroup
		for p := range 4 {
			all.Go(func() {
				for i := 0; ; i++ {
					do := l.Post
					if (i+p)%2 == 0 {
						do = l.Call
					}
					if !do(func() { ran.Add(1) }) {
						return
					}
					accepted.Add(1)
				}
			})
		}
		turns(t, l, round%5)
		stop()
		ended := make(chan struct{})
		go func() { all.Wait(); close(ended) }()
		wait(t, "the callers", ended)
		if ran.Load() != accepted.Load() {
			t.Fatalf("%d functions ran, %d were accepted", ran.Load(), accepted.Load())
		}
		if l.Call(func() {}) || l.Post(func() {}) {
			t.Fatal("a loop that has ended accepts functions")
		}
	}
}

// TestWhatTheEndStillDoes: what was posted before, the functions of AtTurnEnd, closing.
func TestWhatTheEndStillDoes(t *testing.T) {
	l := made(t, loop.Options{})
	fd, peer := pair(t)
	if _, err := l.Register(fd, handler(func(loop.Events) {})); err != nil {
		t.Fatal(err)
	}
	var made, flushed, refused int
	l.AtTurnEnd(func() { flushed = made })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var again func()
	again = func() { // until it is refused, when the loop runs what was posted last
		cancel()
		if made++; !l.Post(again) {
			refused++
			write(t, fd, "last")
		}
	}
	l.Post(again)
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if made != flushed || refused != 1 {
		t.Errorf("%d made, %d flushed; %d functions were refused, want 1", made, flushed, refused)
	}
	if got, err := drain(peer); string(got) != "last" || err != nil {
		t.Errorf("the peer got %q, %v; want the last word and the end of the stream", got, err)
	}
}

// TestCloseWithoutRun gives everything back, and leaves no caller waiting.
func TestCloseWithoutRun(t *testing.T) {
	l := made(t, loop.Options{})
	fd, peer := pair(t)
	if _, err := l.Register(fd, handler(func(loop.Events) {})); err != nil {
		t.Fatal(err)
	}
	l.AfterFunc(time.Hour, func() {})
	posted := make(chan struct{})
	called := make(chan bool)
	l.Post(func() { close(posted) })
	go func() { called <- l.Call(func() {}) }() // before Close or after
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, "the function", posted)
	wait(t, "the call", called)
	if _, err := drain(peer); err != nil {
		t.Errorf("the descriptor is open: %v", err)
	}
	if l.Post(func() {}) {
		t.Error("a closed loop accepts a function")
	}
}

// TestCloseAfterRun does not close numbers that somebody else has by now.
func TestCloseAfterRun(t *testing.T) {
	l := made(t, loop.Options{})
	run(t, l)()
	var list []int
	for range 8 {
		a, b := pair(t)
		list = append(list, a, b)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, fd := range list {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			t.Errorf("descriptor %d was closed", fd)
		}
	}
	for i := 0; i < len(list); i += 2 {
		_ = unix.Close(list[i])
	}
}

// TestNothingIsLeft: neither descriptors nor goroutines; TestMain looks for those.
func TestNothingIsLeft(t *testing.T) {
	run(t, made(t, loop.Options{}))() // Go's poller has descriptors, too
	before := lowestFree(t)
	for i := range 50 {
		l := made(t, loop.Options{})
		if i%2 == 0 {
			run(t, l)()
		} else if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := lowestFree(t); after != before {
		t.Errorf("the lowest free descriptor was %d and is %d", before, after)
	}
}

func lowestFree(t *testing.T) int {
	t.Helper()
	fd, err := unix.Dup(0)
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestIdle: a loop without work makes no turns, and few for one message.
func TestIdle(t *testing.T) {
	l := running(t)
	fd, peer := pair(t)
	got := make(chan struct{}, 1)
	d := register(t, l, fd, handler(func(loop.Events) { _, _ = drain(fd); got <- struct{}{} }))
	do(t, l, func() { d.AwaitWritable(true); l.AfterFunc(time.Hour, func() {}) })
	wait(t, "room to write", got)
	still := func() uint64 {
		t.Helper()
		for before := l.Turns(); ; { // what is under way may still come
			time.Sleep(50 * time.Millisecond)
			now := l.Turns()
			if now == before {
				return now
			}
			if now > before+5 {
				t.Fatalf("%d turns in 50 ms of idleness", now-before)
			}
			before = now
		}
	}
	idle := still()
	write(t, peer, "x")
	wait(t, "the message", got)
	if n := still() - idle; n > 2 {
		t.Errorf("%d turns for one message", n)
	}
}
