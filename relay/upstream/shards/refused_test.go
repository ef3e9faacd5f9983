package shards

// What Redis refuses of several names.

import (
	"slices"
	"sync/atomic"
	"testing"

	"redis-relay/relay/redistest"
)

// secret is a channel in the slot of the other one.
const secret = "{" + channel + "}secret"

// guarded returns what a node answers that serves the slot, but refuses secret while it is locked.
func guarded(locked *atomic.Bool) func(*fakeNode, []string) string {
	return func(n *fakeNode, args []string) string {
		if args[0] == "SSUBSCRIBE" && locked.Load() && slices.Contains(args, secret) {
			return "-NOPERM no\r\n"
		}
		return serves(n, args)
	}
}

// refusedAlone waits until one name is told to be refused, and the other one is subscribed.
func (s *scene) refusedAlone() {
	s.t.Helper()
	s.await("one name is refused", func() bool { return slices.Equal(s.refused, []string{secret + " NOPERM no"}) })
	redistest.Eventually(s.t, patience, "the other one is subscribed", func() (is bool) {
		s.loop.Call(func() {
			sl := s.slots[slotOfChannel]
			is = len(sl.names) == 1 && slices.Equal(sl.confirmed(), []string{channel})
		})
		return is
	})
}

// TestRefusedAfterLoss: of names that a new connection asks for at once, the one is told that Redis refuses by now.
func TestRefusedAfterLoss(t *testing.T) {
	var locked atomic.Bool
	a := newFakeNode(t, guarded(&locked))
	s := begin(t, owns(1, a))
	if err := s.subscribe(channel, secret); err != nil {
		t.Fatal(err)
	}
	locked.Store(true)
	a.cut()
	s.refusedAlone()
}

// TestRefusedUnawaited: of names that are asked for at once, and for which nobody waits, the one is told that Redis refuses.
func TestRefusedUnawaited(t *testing.T) {
	var locked atomic.Bool
	locked.Store(true)
	a := newFakeNode(t, guarded(&locked))
	s := begin(t, owns(1, a))
	s.loop.Call(func() { s.Subscribe([]string{channel, secret}, nil) })
	s.refusedAlone()
}
