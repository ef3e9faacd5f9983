package checks

// Examinations: the checks that take longer than a scan.

import (
	"sync"
	"sync/atomic"

	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

// Examinations bounds the memory that examinations take at the same time. One that is
// alone may take more than that.
type Examinations struct {
	room    *atomic.Int64 // bytes; may change at any time
	stopped atomic.Bool   // the relay ends: nobody waits for a result any more

	turn chan struct{} // has a value while one waits, so that none is overtaken

	mu    sync.Mutex
	freed sync.Cond // signalled when taken sinks, and at the end
	taken int64     // guarded by mu: bytes
}

// NewExaminations returns some that may take so much together. room may change at any time.
func NewExaminations(room *atomic.Int64) *Examinations {
	x := &Examinations{room: room, turn: make(chan struct{}, 1)}
	x.freed.L = &x.mu
	return x
}

// validate examines a payload that a scan has left open. It may wait for others. When
// the relay ends it returns schema.ErrStopped.
func (x *Examinations) validate(checker route.Checker, payload []byte) error {
	bytes := schema.Memory(len(payload))
	x.take(bytes)
	defer x.give(bytes)
	return checker.Validate(payload, x.stopped.Load)
}

func (x *Examinations) take(bytes int64) {
	x.turn <- struct{}{}
	defer func() { <-x.turn }()
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.taken > 0 && x.taken+bytes > x.room.Load() && !x.stopped.Load() {
		x.freed.Wait()
	}
	x.taken += bytes
}

func (x *Examinations) give(bytes int64) {
	x.mu.Lock()
	x.taken -= bytes
	x.mu.Unlock()
	x.freed.Signal()
}

// Stop ends all examinations, and those to come.
func (x *Examinations) Stop() {
	x.mu.Lock()
	x.stopped.Store(true)
	x.mu.Unlock()
	x.freed.Signal()
}
