package loop

// Timers: a heap, and one timer of the runtime that wakes the loop for the first of them.

import (
	"container/heap"
	"time"
)

// Timer calls a function once, in the loop.
type Timer struct {
	loop  *Loop
	f     func()
	when  time.Time
	set   uint64 // Loop.timersSet, by this one
	index int    // in Loop.timers; -1: it is not set
}

// AfterFunc has the loop call f once, after d or a little later; in this turn or the next if d is not positive.
// Timers that are due at the same time fire in the order in which they were set.
func (l *Loop) AfterFunc(d time.Duration, f func()) *Timer {
	t := &Timer{loop: l, f: f, index: -1}
	t.Reset(d)
	return t
}

// Reset sets the timer to fire after d from now, whether it is set or not.
func (t *Timer) Reset(d time.Duration) {
	t.Stop()
	t.when = time.Now().Add(max(d, 0))
	t.loop.timersSet++
	t.set = t.loop.timersSet
	heap.Push(&t.loop.timers, t)
}

// Stop unsets the timer. It may be called at any time.
func (t *Timer) Stop() {
	if t.index >= 0 {
		heap.Remove(&t.loop.timers, t.index)
	}
}

// Set tells whether the timer is still to fire.
func (t *Timer) Set() bool { return t.index >= 0 }

// runTimers calls the functions of timers that are due. A timer that is set meanwhile waits for the next
// turn, even if it is due at once.
func (l *Loop) runTimers() {
	if len(l.timers) == 0 {
		return
	}
	now, last := time.Now(), l.timersSet
	for len(l.timers) > 0 {
		t := l.timers[0]
		if t.when.After(now) || t.set > last {
			break
		}
		t.Stop()
		t.f()
		l.stopwatch.note("a timer")
	}
}

// setAlarm has the runtime wake the loop for the first timer.
func (l *Loop) setAlarm() {
	if len(l.timers) == 0 {
		return
	}
	first := l.timers[0].when
	if !l.alarmAt.IsZero() && !first.Before(l.alarmAt) {
		return // an alarm that is too early does no harm
	}
	l.alarmAt = first
	if l.alarm == nil {
		l.alarm = time.AfterFunc(time.Until(first), l.wakeForTimers)
		return
	}
	l.alarm.Reset(time.Until(first))
}

// wakeForTimers wakes the loop.
func (l *Loop) wakeForTimers() { l.Post(func() { l.alarmAt = time.Time{} }) }

// timers is a heap by time, and by the order in which they were set.
type timers []*Timer

func (h timers) Len() int { return len(h) }

func (h timers) Less(i, j int) bool {
	if by := h[i].when.Compare(h[j].when); by != 0 {
		return by < 0
	}
	return h[i].set < h[j].set
}

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is heap.Interface.
func (h *timers) Push(x any) {
	t := x.(*Timer) //nolint:forcetypeassert // only AfterFunc pushes
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop is heap.Interface.
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = -1
	return t
}
