package loop

// The loop: its turns, and the calls from other goroutines.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// LongTurn is how long a turn may take before Options.Long is called.
const LongTurn = 50 * time.Millisecond

// Handler is called by the loop when its descriptor is ready.
type Handler interface{ Ready(e Events) }

// Events say what a descriptor is ready for.
//
// HungUp comes with Readable, and may come late or never: a TCP peer that closes shows as the end of the
// stream, until it answers what is written to it; and macOS tells only after Descriptor.AwaitWritable.
// So go by what reading and writing return. HungUp is for a handler that does not read.
type Events uint8

// The events. Several may come together.
const (
	Readable Events = 1 << iota // there are bytes, or the end of the stream
	Writable                    // there is room; only after Descriptor.AwaitWritable
	Ended                       // the peer sends nothing more: read to the end
	HungUp                      // the peer has closed both directions, or the connection is broken
)

// Options set up a Loop.
type Options struct {
	// Long, if not nil, is called after each turn over LongTurn, with its length and the handler or
	// phase that took longest. The loop calls it; it must not block.
	Long func(took time.Duration, what string)
	// Turn, if not nil, is called after each turn with its length. The loop calls it; it must not block.
	Turn func(took time.Duration)
}

// Loop is an event loop. New makes it, Run runs it, once.
type Loop struct {
	opts   Options
	poller *poller // set by New

	longest atomic.Int64  // nanoseconds of the longest turn
	turns   atomic.Uint64 // made, ever

	mu     sync.Mutex // Guards what follows.
	posted []func()
	asleep bool // the loop waits for the kernel, and must be woken
	ended  bool // posted functions are not run any more

	// Owned by the loop.
	descriptors []*Descriptor // by number
	again       []*Descriptor // to be called in the next turn, even if the kernel reports nothing
	timers      timers
	timersSet   uint64      // timers set, ever
	alarm       *time.Timer // wakes the loop for the first timer
	alarmAt     time.Time   // zero: it is not set
	atEnd       []func()
	now         time.Time
	stopping    bool
	spare       []func()      // memory of an earlier posted
	spareAgain  []*Descriptor // memory of an earlier again
	stopwatch   stopwatch
}

// New returns a loop. The caller must call Run, or Close. It fails if the system has no
// descriptors left.
func New(opts Options) (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, fmt.Errorf("make an event loop: %w", err)
	}
	return &Loop{opts: opts, poller: p, now: time.Now()}, nil
}

// Close ends a loop that was never run: it runs the posted functions, and closes the registered descriptors and
// those of the loop. If the loop has ended already it does nothing.
func (l *Loop) Close() error { return l.end() }

// Run makes turns until ctx ends. Then it runs the functions that were posted before, and those of AtTurnEnd
// once more, and closes the registered descriptors without calling their handlers. It returns nil, or the error
// of the system for which it could not go on.
func (l *Loop) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.Post(func() { l.stopping = true }) })
	defer stop()
	l.setAlarm() // for timers that were set before
	var err error
	for !l.stopping && err == nil {
		err = l.turn()
	}
	return errors.Join(err, l.end())
}

// Post has the loop run f, behind all functions that were posted before: in this turn, or in the next if those of
// this turn are running already. It does not wait. If it returns true, f will run, even if the loop
// ends; if false, the loop has ended, and f does not run. Before Run, f waits for Run or Close.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.posted = append(l.posted, f)
	if l.asleep {
		l.asleep = false
		l.poller.wake()
	}
	return true
}

// Call posts f, and returns when f has run. The loop itself must not call it. It returns false
// if the loop has ended.
func (l *Loop) Call(f func()) bool {
	done := make(chan struct{})
	if !l.Post(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// AtTurnEnd has f called at the end of each turn, behind earlier functions of AtTurnEnd. f must be
// fast when there is nothing to do.
func (l *Loop) AtTurnEnd(f func()) { l.atEnd = append(l.atEnd, f) }

// Now is the time at which the present turn began.
func (l *Loop) Now() time.Time { return l.now }

// Recent is the time at which that began which the loop runs now: a handler, a posted function, a timer, the end of the
// turn. It reads no clock.
func (l *Loop) Recent() time.Time { return l.stopwatch.last }

// Longest returns the length of the longest turn so far.
func (l *Loop) Longest() time.Duration { return time.Duration(l.longest.Load()) }

// Turns returns the number of turns so far.
func (l *Loop) Turns() uint64 { return l.turns.Load() }

// turn waits for something to do, and makes one turn.
func (l *Loop) turn() error {
	events, err := l.poller.wait(l.mayWait())
	l.woke()
	if err != nil {
		return err
	}
	l.turns.Add(1)
	l.now = time.Now()
	l.stopwatch.begin(l.now)
	l.runAgain()
	for i := range events {
		if d := l.find(fdOf(&events[i])); d != nil {
			l.call(d, eventsOf(&events[i]))
		}
	}
	l.runPosted()
	l.runTimers()
	l.runAtEnd()
	l.setAlarm()
	l.recordTurn()
	return nil
}

func (l *Loop) runAgain() {
	list := l.again
	l.again, l.spareAgain = l.spareAgain[:0], nil
	for i, d := range list {
		list[i], d.queued = nil, false
		l.call(d, Readable)
	}
	l.spareAgain = list[:0]
}

func (l *Loop) call(d *Descriptor, e Events) {
	if !d.writable {
		e &^= Writable // reported before AwaitWritable was turned off, or with an error
	}
	if d.closed || e == 0 {
		return
	}
	d.handler.Ready(e)
	l.stopwatch.noteHandler(d.handler)
}

// mayWait reports whether there is nothing to do. Then Post has to wake the loop.
func (l *Loop) mayWait() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asleep = len(l.posted) == 0 && len(l.again) == 0
	return l.asleep
}

func (l *Loop) woke() {
	l.mu.Lock()
	l.asleep = false
	l.mu.Unlock()
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	list := l.posted
	l.posted, l.spare = l.spare[:0], nil
	l.mu.Unlock()
	for i, f := range list {
		f()
		list[i] = nil
		l.stopwatch.note("a posted function")
	}
	l.spare = list[:0]
}

func (l *Loop) runAtEnd() {
	for _, f := range l.atEnd {
		f()
	}
	l.stopwatch.note("the end of a turn")
}

// recordTurn notes the length of a turn.
func (l *Loop) recordTurn() {
	took := l.stopwatch.took()
	if l.opts.Turn != nil {
		l.opts.Turn(took)
	}
	if int64(took) > l.longest.Load() {
		l.longest.Store(int64(took))
	}
	if took > LongTurn && l.opts.Long != nil {
		l.opts.Long(took, l.stopwatch.worst())
	}
}

// end refuses further functions, runs those that were posted before, and closes everything. Only the first
// call has an effect.
func (l *Loop) end() error {
	if !l.refuse() {
		return nil
	}
	l.runPosted()
	l.runAtEnd()
	if l.alarm != nil {
		l.alarm.Stop()
	}
	for _, d := range l.descriptors {
		if d != nil {
			d.Close()
		}
	}
	return l.poller.close()
}

// refuse has Post refuse functions from now on. It returns false if Post did so already.
func (l *Loop) refuse() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.ended
	l.ended = true
	return !was
}
