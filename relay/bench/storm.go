//go:build linux

// A storm: a client that subscribes to very many channels, and leaves them.

package main

import (
	"fmt"
	"time"
)

// stormer is a connection that subscribes and leaves.
type stormer struct {
	fd       int
	channels []string
	buf      []byte
}

func newStormer(s setup) (*stormer, error) {
	fd, err := dial(s.Connect)
	return &stormer{fd, s.Interest[0], make([]byte, readSize)}, err
}

// serve comes and goes until the time is over, at least once.
func (s *stormer) serve(o order) (outcome, error) {
	done := outcome{}
	start := time.Now()
	for done.Elapsed < o.For {
		begun := time.Now()
		if err := subscribe(s.fd, s.channels, s.buf); err != nil {
			return done, err
		}
		done.Joined += time.Since(begun)
		if err := write(s.fd, command("UNSUBSCRIBE")); err != nil {
			return done, err
		}
		if err := lines(s.fd, confirmation*len(s.channels), s.buf); err != nil {
			return done, fmt.Errorf("unsubscribe: %w", err)
		}
		done.Count++
		done.Elapsed = time.Since(start)
	}
	return done, nil
}
