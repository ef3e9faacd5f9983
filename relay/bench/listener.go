//go:build linux

// Listeners whose messages nobody counts, and that can stop reading.

package main

import (
	"fmt"
	"sync"
	"time"
)

// listener is a connection that reads, and forgets what it reads.
type listener struct {
	fd   int
	buf  []byte
	open sync.Mutex // held while it reads, or must not
}

// listening is a listener on one channel.
func listening(socket, channel string) setup {
	return setup{Role: roleListener, Connect: socket, Channel: channel}
}

func newListener(s setup) (*listener, error) {
	l := &listener{buf: make([]byte, readSize)}
	var err error
	if l.fd, err = dial(s.Connect); err != nil {
		return nil, err
	}
	if err := subscribe(l.fd, []string{s.Channel}, l.buf); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// run reads for ever. A connection that ends ends the worker.
func (l *listener) run() {
	for {
		if err := readable(l.fd); err != nil {
			fatal(fmt.Errorf("listener: %w", err))
		}
		l.open.Lock()
		_, err := read(l.fd, l.buf)
		l.open.Unlock()
		if err != nil {
			fatal(fmt.Errorf("listener: %w", err))
		}
	}
}

// serve stops reading for a time.
func (l *listener) serve(o order) (outcome, error) {
	l.open.Lock()
	defer l.open.Unlock()
	time.Sleep(o.For)
	return outcome{Count: 1, Elapsed: o.For}, nil
}
