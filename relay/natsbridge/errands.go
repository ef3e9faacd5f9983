package natsbridge

// Work that may take long, or wait for the server's locks.

import (
	"sync"

	"redis-relay/relay/loop"
)

// errands are carried out in goroutines, one after the other. Everything belongs to the loop.
type errands struct {
	loop   *loop.Loop // fixed after construction
	worker sync.WaitGroup

	queue []errand
	busy  bool
	ended bool
}

// errand is some work, which is called in a goroutine.
type errand struct {
	work  func() (then func()) // then is called by the loop; nil: nothing follows
	forgo func()               // is called if then is not, because all ends; nil: nobody wants to know
}

func (e *errands) add(work func() (then func()), forgo func()) {
	e.queue = append(e.queue, errand{work, forgo})
	e.next()
}

func (e *errands) next() {
	switch {
	case e.ended:
		e.forgo()
	case !e.busy && len(e.queue) > 0:
		first := e.queue[0]
		e.queue[0] = errand{}
		e.queue = e.queue[1:]
		e.busy = true
		e.worker.Go(func() { e.carryOut(first) })
	}
}

func (e *errands) carryOut(first errand) {
	then := first.work()
	if !e.loop.Post(func() {
		e.busy = false
		if then != nil {
			then()
		}
		e.next()
	}) && first.forgo != nil {
		first.forgo() // the loop has ended
	}
}

// end gives up what has not begun.
func (e *errands) end() {
	e.ended = true
	e.forgo()
}

func (e *errands) forgo() {
	queue := e.queue
	e.queue = nil
	for _, one := range queue {
		if one.forgo != nil {
			one.forgo()
		}
	}
}
