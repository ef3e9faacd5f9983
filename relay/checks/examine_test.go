package checks

// Examinations by themselves: checks are gates that the tests open.

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"redis-relay/relay/schema"
)

// newRoom returns room for so many examinations of a short payload, and half a one.
func newRoom(n int64) *atomic.Int64 {
	room := new(atomic.Int64)
	room.Store(n*schema.Memory(1) + schema.Memory(1)/2)
	return room
}

func TestExaminationsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, x := newGates(), NewExaminations(newRoom(2))
		for range 5 {
			go func() { _ = x.validate(g, []byte("wait")) }()
		}
		synctest.Wait()
		if n := g.made.Load(); n != 2 {
			t.Errorf("%d at once, want 2", n)
		}
		close(g.open)
		synctest.Wait()
		if n := g.made.Load(); n != 5 || x.taken != 0 {
			t.Errorf("%d were made, want 5; %d bytes are still taken", n, x.taken)
		}
	})
}

// TestLargeExaminationIsNotOvertaken has one that needs all the room wait for another, and short ones come behind it.
func TestLargeExaminationIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, x := newGates(), NewExaminations(newRoom(3))
		large, short := g, newGates()
		close(short.open)
		x.acquire(schema.Memory(1))
		go func() { _ = x.validate(large, append([]byte("wait"), make([]byte, 1<<20)...)) }()
		synctest.Wait()
		go func() { _ = x.validate(short, []byte("x")) }()
		synctest.Wait()
		if large.made.Load() != 0 || short.made.Load() != 0 {
			t.Error("one that waits was overtaken, or did not wait")
		}
		x.release(schema.Memory(1))
		synctest.Wait()
		if large.made.Load() != 1 {
			t.Error("one alone may take more than the room, and waits")
		}
		close(large.open)
		synctest.Wait()
		if short.made.Load() != 1 {
			t.Error("the next one still waits")
		}
	})
}

func TestEndOfExaminations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, x := newGates(), NewExaminations(newRoom(1))
		x.acquire(schema.Memory(1))
		go func() { _ = x.validate(g, []byte("x")) }()
		synctest.Wait()
		x.Stop()
		synctest.Wait()
		if stopped := g.stopped.Load(); stopped == nil || !(*stopped)() {
			t.Error("it waits on, or is not told to stop")
		}
	})
}
