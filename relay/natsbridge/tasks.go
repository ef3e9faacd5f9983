package natsbridge

// Background tasks: work that may take long, or wait for the server's locks.

import (
	"sync"

	"redis-relay/relay/loop"
)

// tasks run in goroutines, one after the other. It belongs to the loop.
type tasks struct {
	loop   *loop.Loop // fixed after construction
	worker sync.WaitGroup

	queue []task
	busy  bool
	ended bool
}

// task is work for a goroutine.
type task struct {
	run      func() (then func()) // the loop calls then; nil: nothing follows
	canceled func()               // called instead of then if the bridge ends first; nil: nothing to do
}

func (e *tasks) add(run func() (then func()), canceled func()) {
	e.queue = append(e.queue, task{run, canceled})
	e.next()
}

func (e *tasks) next() {
	switch {
	case e.ended:
		e.cancelAll()
	case !e.busy && len(e.queue) > 0:
		first := e.queue[0]
		e.queue[0] = task{}
		e.queue = e.queue[1:]
		e.busy = true
		e.worker.Go(func() { e.runOne(first) })
	}
}

func (e *tasks) runOne(first task) {
	then := first.run()
	if !e.loop.Post(func() {
		e.busy = false
		if then != nil {
			then()
		}
		e.next()
	}) && first.canceled != nil {
		first.canceled() // the loop has ended
	}
}

// end cancels the tasks that have not begun.
func (e *tasks) end() {
	e.ended = true
	e.cancelAll()
}

func (e *tasks) cancelAll() {
	queue := e.queue
	e.queue = nil
	for _, one := range queue {
		if one.canceled != nil {
			one.canceled()
		}
	}
}
