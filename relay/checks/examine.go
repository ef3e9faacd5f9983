package checks

// Examinations: checks that take longer than a scan, and the bound of their memory.

import (
	"sync"
	"sync/atomic"

	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

// Examinations bounds the memory that all examinations take at the same time. A single examination may exceed the
// bound while no other one runs.
type Examinations struct {
	room    *atomic.Int64 // bytes; may change at any time
	stopped atomic.Bool   // the relay ends, and results are not needed any more

	turn chan struct{} // holds a value while an examination waits for memory, so that the next one waits behind it

	mu    sync.Mutex
	freed sync.Cond // signalled when taken decreases, and by Stop
	taken int64     // bytes; guarded by mu
}

// NewExaminations returns Examinations that may take room bytes together. room may change at any time.
func NewExaminations(room *atomic.Int64) *Examinations {
	x := &Examinations{room: room, turn: make(chan struct{}, 1)}
	x.freed.L = &x.mu
	return x
}

// validate examines a payload whose scan left the verdict open. It may wait for memory. After Stop it returns
// schema.ErrStopped.
func (x *Examinations) validate(checker route.Checker, payload []byte) error {
	bytes := schema.Memory(len(payload))
	x.acquire(bytes)
	defer x.release(bytes)
	return checker.Validate(payload, x.stopped.Load)
}

func (x *Examinations) acquire(bytes int64) {
	x.turn <- struct{}{}
	defer func() { <-x.turn }()
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.taken > 0 && x.taken+bytes > x.room.Load() && !x.stopped.Load() {
		x.freed.Wait()
	}
	x.taken += bytes
}

func (x *Examinations) release(bytes int64) {
	x.mu.Lock()
	x.taken -= bytes
	x.mu.Unlock()
	x.freed.Signal()
}

// Stop ends all examinations, present and future. It does not wait for them.
func (x *Examinations) Stop() {
	x.mu.Lock()
	x.stopped.Store(true)
	x.mu.Unlock()
	x.freed.Signal()
}
