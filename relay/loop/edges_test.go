package loop_test

// What handlers are told: ends of streams, and room to write.

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
)

// TestEnds tells a peer that will not write any more from one that is gone.
func TestEnds(t *testing.T) {
	l := running(t)
	fd, peer := pair(t)
	told := make(chan loop.Events, 10)
	register(t, l, fd, handler(func(e loop.Events) {
		if _, err := drain(fd); err != nil {
			t.Errorf("read at the end: %v", err)
		}
		told <- e
	}))
	if err := unix.Shutdown(peer, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, "half an end", told); e != loop.Readable|loop.Ended {
		t.Errorf("a half-closed peer: told %b, want Readable and Ended", e)
	}
	do(t, l, func() { write(t, fd, "still") })
	if got, _ := drain(peer); string(got) != "still" {
		t.Errorf("the half-closed peer read %q", got)
	}
	if err := unix.Shutdown(peer, unix.SHUT_RD); err != nil { // together they are what close(2) does
		t.Fatal(err)
	}
	if e := wait(t, "the end", told); e != loop.Readable|loop.Ended|loop.HungUp {
		t.Errorf("a closed peer: told %b, want Readable and HungUp", e)
	}
}

// TestWritable: it is told when it begins if there is room, when room comes back, and not without.
func TestWritable(t *testing.T) {
	l := running(t)
	fd, peer := pair(t)
	told := make(chan loop.Events, 10)
	d := register(t, l, fd, handler(func(e loop.Events) { _, _ = drain(fd); told <- e }))
	want := func(what string, list ...loop.Events) {
		t.Helper()
		turns(t, l, 3)
		for _, e := range list {
			if got := wait(t, what, told); got != e {
				t.Errorf("%s: told %b, want %b", what, got, e)
			}
		}
		if turns(t, l, 3); len(told) > 0 {
			t.Errorf("%s: told %b, too", what, <-told)
		}
	}
	await := func(on bool) { do(t, l, func() { d.AwaitWritable(on); d.AwaitWritable(on) }) }
	fill := func() {
		do(t, l, func() {
			for err := error(nil); err == nil; {
				_, err = unix.Write(fd, bytes.Repeat([]byte("x"), 4096))
			}
		})
	}
	want("nobody asked")
	await(true)
	want("there is room", loop.Writable)
	fill()
	want("full")
	write(t, peer, "x")
	want("full, and something to read", loop.Readable)
	_, _ = drain(peer)
	want("the peer has read", loop.Writable)
	await(false)
	fill()
	_, _ = drain(peer)
	want("off")
	fill()
	await(true)
	want("on, and full")
	other, otherPeer := pair(t)
	register(t, l, other, handler(func(loop.Events) { d.AwaitWritable(false) }))
	do(t, l, func() { // the kernel tells both in one turn
		write(t, otherPeer, "x")
		_, _ = drain(peer)
	})
	want("turned off before it is told")
}
