package loop

// The bell, which nobody can hear from outside.

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBell: each wake ends a wait, and adds 1 to a counter that is never read: it has room for all.
func TestBell(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	const wakes = 5
	for range wakes {
		p.wake()
		for _, want := range []int{1, 0} {
			if events, err := p.wait(false); len(events) != want || err != nil {
				t.Errorf("after a wake: %d events, %v, want %d", len(events), err, want)
			}
		}
	}
	counter := make([]byte, 8)
	_, err = unix.Read(p.bell, counter)
	if err = errors.Join(err, p.close()); err != nil {
		t.Fatal(err)
	}
	if n := binary.NativeEndian.Uint64(counter); n != wakes {
		t.Errorf("%d wakes counted %d", wakes, n)
	}
}
