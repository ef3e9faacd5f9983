package loop_test

// Descriptors: the order in which their handlers are called; closing; floods.

import (
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
)

// TestReadyBeforeRun: what was there before the first turn is told in it.
func TestReadyBeforeRun(t *testing.T) {
	l := made(t, loop.Options{})
	got := make(chan string, 2)
	for _, early := range []bool{true, false} { // written before it is registered, or after
		fd, peer := pair(t)
		if early {
			write(t, peer, "hello")
		}
		_, err := l.Register(fd, handler(func(loop.Events) {
			b, _ := drain(fd)
			got <- string(b)
		}))
		if err != nil {
			t.Fatal(err)
		}
		if !early {
			write(t, peer, "hello")
		}
	}
	run(t, l)
	for range 2 {
		if s := wait(t, "a message", got); s != "hello" {
			t.Errorf("got %q", s)
		}
	}
}

// TestOrderOfArrival: handlers are called in the order in which their messages were written.
func TestOrderOfArrival(t *testing.T) {
	const n = 700 // more than one turn hears of
	l := running(t)
	var got []int
	var peers []int
	for i := range n {
		fd, peer := pair(t)
		peers = append(peers, peer)
		register(t, l, fd, handler(func(loop.Events) {
			if b, _ := drain(fd); len(b) > 0 {
				got = append(got, i)
			}
		}))
	}
	for round := range 20 {
		want := rand.Perm(n)
		writeAll := func() {
			for _, i := range want {
				write(t, peers[i], "x")
			}
		}
		if round%2 == 0 {
			writeAll() // the loop works meanwhile
		} else {
			do(t, l, writeAll) // it finds all at once
		}
		turns(t, l, 3)
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: called in the order %v, want %v", round, got, want)
		}
		got = got[:0]
	}
}

// TestCloseInAHandler: of three that are ready in one turn the first closes itself and the second, and
// gives the second's number away; the third closes itself twice.
func TestCloseInAHandler(t *testing.T) {
	l := running(t)
	var told []string
	var second, reused *loop.Descriptor
	firstFD, firstPeer := pair(t)
	secondFD, secondPeer := pair(t)
	thirdFD, thirdPeer := pair(t)
	spare, sparePeer := pair(t)
	var first, third *loop.Descriptor
	first = register(t, l, firstFD, handler(func(loop.Events) {
		told = append(told, "first")
		first.Again() // which its closing undoes
		first.Close()
		second.Again()
		second.Close()
		fd, err := unix.FcntlInt(uintptr(spare), unix.F_DUPFD_CLOEXEC, secondFD)
		if err = errors.Join(err, unix.Close(spare)); err != nil || fd != secondFD {
			t.Errorf("the number %d was not used again, but %d: %v", secondFD, fd, err)
		}
		reused, err = l.Register(fd, handler(func(e loop.Events) {
			b, err := drain(fd)
			if len(b) == 0 {
				t.Errorf("the new descriptor was told %b of the closed one: %v", e, err)
			}
			told = append(told, "reused "+string(b))
		}))
		if err != nil {
			t.Error(err)
		}
	}))
	second = register(t, l, secondFD, handler(func(loop.Events) { told = append(told, "second") }))
	third = register(t, l, thirdFD, handler(func(loop.Events) {
		told = append(told, "third")
		third.Close()
		third.Close()
	}))
	do(t, l, func() { // so that all are ready in the next turn
		write(t, firstPeer, "1")
		write(t, secondPeer, "2")
		write(t, thirdPeer, "3")
	})
	turns(t, l, 3)
	if want := []string{"first", "third"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	write(t, sparePeer, "x")
	turns(t, l, 3)
	if want := []string{"first", "third", "reused x"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	do(t, l, func() {
		if first.FD() != -1 || second.FD() != -1 || reused.FD() != secondFD {
			t.Errorf("numbers are %d, %d, %d", first.FD(), second.FD(), reused.FD())
		}
		second.Close()
		second.AwaitWritable(true)
	})
	write(t, sparePeer, "y") // the late calls did not reach the new one
	turns(t, l, 3)
	if told[len(told)-1] != "reused y" {
		t.Errorf("told %q, want reused y at the end", told)
	}
	do(t, l, reused.Close)
}

// TestCloseOfADuplicate: that somebody else has the socket open does not keep it watched.
func TestCloseOfADuplicate(t *testing.T) {
	l := running(t)
	fd, peer := pair(t)
	other, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(other) }()
	d := register(t, l, fd, handler(func(loop.Events) { t.Error("the handler was called") }))
	do(t, l, d.Close)
	taken, takenPeer := pair(t)
	if taken != fd {
		t.Fatalf("the number %d was not used again, but %d", fd, taken)
	}
	called := make(chan struct{}, 10)
	register(t, l, taken, handler(func(loop.Events) { _, _ = drain(taken); called <- struct{}{} }))
	before := l.Turns()
	write(t, peer, "x")
	write(t, takenPeer, "y")
	wait(t, "the new one", called)
	turns(t, l, 3)
	if n := l.Turns() - before; n > 8 || len(called) > 0 {
		t.Errorf("%d turns, %d calls too many", n, len(called))
	}
}

// TestAgain: a handler that asks is called, though nothing else happens.
func TestAgain(t *testing.T) {
	l := made(t, loop.Options{})
	fd, _ := pair(t)
	done := make(chan struct{})
	var d *loop.Descriptor
	calls := 0
	d, err := l.Register(fd, handler(func(e loop.Events) {
		if e != loop.Readable {
			t.Errorf("told %b, want Readable", e)
		}
		if calls++; calls == 5 {
			close(done)
			return
		}
		d.Again()
	}))
	if err != nil {
		t.Fatal(err)
	}
	d.Again() // also before Run
	stop := run(t, l)
	wait(t, "five calls", done)
	stop()
	if calls != 5 || l.Turns() < 5 {
		t.Errorf("%d calls in %d turns, want 5, one a turn", calls, l.Turns())
	}
}

// TestAFloodDoesNotStarve: while one descriptor always has more, another is served in each turn, and
// timers and posted functions are, too.
func TestAFloodDoesNotStarve(t *testing.T) {
	l := running(t)
	floodFD, floodPeer := pair(t)
	quietFD, quietPeer := pair(t)
	var flood *loop.Descriptor
	var on, flooded, served, missed int
	flood = register(t, l, floodFD, handler(func(loop.Events) {
		_, _ = unix.Read(floodFD, make([]byte, 100))
		_, _ = unix.Write(floodPeer, make([]byte, 100))
		flooded++
		flood.Again()
		flood.Again() // once is enough
	}))
	register(t, l, quietFD, handler(func(loop.Events) {
		if b, _ := drain(quietFD); len(b) > 0 {
			served++
		}
	}))
	do(t, l, func() {
		l.AtTurnEnd(func() {
			if flood.FD() < 0 {
				return
			}
			if on > 0 && served != 1 {
				missed++
			}
			on, served = on+1, 0
			write(t, quietPeer, "x")
		})
	})
	write(t, floodPeer, string(make([]byte, 1000)))
	fired := make(chan struct{})
	do(t, l, func() { l.AfterFunc(1, func() { close(fired) }) })
	wait(t, "a timer beside the flood", fired)
	turns(t, l, 500)
	do(t, l, func() {
		if missed > 0 || on < 500 || flooded < on-5 || flooded > 2*on {
			t.Errorf("in %d turns the flood was served %d times, and %d turns did not serve the other", on, flooded, missed)
		}
		flood.Close()
	})
}

// TestRegisterFails for what cannot be watched, and the descriptor stays the caller's.
func TestRegisterFails(t *testing.T) {
	l := running(t)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	list := []int{-1}
	if runtime.GOOS == "linux" { // elsewhere files can be watched
		list = append(list, int(f.Fd()))
	}
	do(t, l, func() {
		for _, fd := range list {
			if d, err := l.Register(fd, handler(func(loop.Events) {})); d != nil || err == nil {
				t.Errorf("descriptor %d was taken", fd)
			}
		}
	})
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
