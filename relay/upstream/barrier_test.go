package upstream

// What Barrier promises.

import (
	"fmt"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// barrier asks for one, and returns what is closed when it is passed.
func (s *subscription) barrier() <-chan struct{} {
	passed := make(chan struct{})
	s.Barrier(func() { close(passed) })
	return passed
}

func passed(t *testing.T, barrier <-chan struct{}) {
	t.Helper()
	select {
	case <-barrier:
	case <-time.After(patience):
		t.Fatal("the barrier is not passed")
	}
}

// TestBarrierComesAfterMessages, be anything else subscribed or not.
func TestBarrierComesAfterMessages(t *testing.T) {
	srv := redistest.Start(t)
	s := subscribe(t, testOptions(srv.URL()), "a")
	s.awaitUp(1)
	for i := range 200 {
		text := fmt.Sprint("m", i)
		srv.MustDo("PUBLISH", "a", text)
		passed(t, s.barrier())
		if !s.heard("message a " + text) {
			t.Fatalf("%s came after the barrier", text)
		}
	}
	s.Want(resp.Message, "a", false)
	passed(t, s.barrier())
	passed(t, s.barrier())
}

// TestBarrierOfMany shares PINGs, and answers everybody.
func TestBarrierOfMany(t *testing.T) {
	srv := redistest.Start(t)
	s := subscribe(t, testOptions(srv.URL()), "a")
	s.awaitUp(1)
	var all []<-chan struct{}
	for range 10_000 {
		all = append(all, s.barrier())
	}
	for _, b := range all {
		passed(t, b)
	}
}

// TestBarrierFallsWithTheConnection, when Registry knows, and is none without one.
func TestBarrierFallsWithTheConnection(t *testing.T) {
	srv := redistest.Start(t)
	s := subscribe(t, testOptions(srv.URL()), "a")
	s.awaitUp(1)
	srv.Stop()
	var all []<-chan struct{}
	for range 3 {
		knows := make(chan struct{})
		s.Barrier(func() {
			if s.count(func(e *ears) int { return len(e.lost) }) != 1 {
				t.Error("passed, and Registry does not know of the loss")
			}
			close(knows)
		})
		all = append(all, knows)
	}
	select {
	case <-all[0]:
		t.Error("passed, and Redis does not answer")
	case <-time.After(100 * time.Millisecond):
	}
	srv.Kill()
	for _, b := range all {
		passed(t, b)
	}
	passed(t, s.barrier())
}
