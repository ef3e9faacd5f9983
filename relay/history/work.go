package history

// Goroutines beside the loop.

import (
	"context"
	"sync"
)

// work is the goroutines beside the loop, which wait for answers of Redis.
type work struct {
	loop    Loop
	ctx     context.Context // ends with Close
	cancel  func()
	running sync.WaitGroup
}

// beside runs ask in a goroutine, and then the function that it returns in the loop, unless the Feed was closed.
func (w *work) beside(ask func(ctx context.Context) (then func())) {
	ctx := w.ctx
	if ctx.Err() != nil {
		return
	}
	w.running.Go(func() {
		then := ask(ctx)
		w.loop.Post(func() {
			if ctx.Err() == nil {
				then()
			}
		})
	})
}
