//go:build linux

// Subscribers that cost as little as can be: they count bytes.

package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// readSize is the most that is read at once, in bytes.
const readSize = 256 << 10

// expectation is what the next messages will look like. All are of one size.
type expectation struct {
	Frame   int  // bytes of one message on the wire
	Round   int  // messages of a round on each channel
	Share   int  // a connection expects them on 1/Share of its channels; 0: on one
	StampAt int  // where in a frame the stamp is; 0: it is not looked at
	Timed   bool // the stamps are times
}

// progress is how far a connection has come since it was told what to expect, in
// messages.
type progress struct{ Received, Round int }

// subscriber is a number of connections and one thread that reads from them.
type subscriber struct {
	// Fixed after construction.
	index byte
	epoll int
	buf   []byte

	mu sync.Mutex // Guards what follows. The reader holds it but when it waits.

	conns     []*conn
	expect    expectation
	tally     tally
	latencies *histogram
}

// conn is one connection.
type conn struct {
	// Fixed after construction.
	index    int // in the worker
	fd       int
	channels int

	part []byte // owned by the reader: the beginning of a frame, when stamps are looked at

	// Guarded by subscriber.mu.
	round  int64 // bytes; 0: nothing is expected
	left   int64 // bytes of the current round
	rounds int   // received
	last   int64 // the stamp of the message before in this round; -1: none
	behind int   // messages of this round that were looked at
}

func newSubscriber(s setup) (*subscriber, error) {
	sub := &subscriber{index: byte(s.Index), buf: make([]byte, readSize), latencies: newHistogram()}
	var err error
	if sub.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	for _, channels := range s.Interest {
		if err := sub.connect(s.Connect, channels); err != nil {
			return nil, err
		}
	}
	go sub.run()
	return sub, nil
}

func (s *subscriber) connect(path string, channels []string) error {
	var fd int
	var err error
	if address, ok := strings.CutPrefix(path, natsScheme); ok {
		fd, err = dialNATS(address, channels)
	} else if fd, err = dial(path); err == nil {
		err = subscribe(fd, channels, s.buf)
	}
	if err != nil {
		return err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(s.conns))}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("watch a connection: %w", err)
	}
	s.conns = append(s.conns, &conn{index: len(s.conns), fd: fd, channels: len(channels)})
	return nil
}

// confirmation is how many lines confirm a subscription, or its end.
const confirmation = 6

// subscribe returns when all channels are confirmed.
func subscribe(fd int, channels []string, buf []byte) error {
	const atOnce = 1000 // channels in one command
	for some := range slices.Chunk(channels, atOnce) {
		if err := write(fd, command(append([]string{"SUBSCRIBE"}, some...)...)); err != nil {
			return err
		}
		if err := lines(fd, confirmation*len(some), buf); err != nil {
			return fmt.Errorf("subscribe to %s and so on: %w", some[0], err)
		}
	}
	return nil
}

// run reads for ever. A connection that ends ends the worker: somebody was
// disconnected who should not be.
func (s *subscriber) run() { fatal(fmt.Errorf("subscriber: %w", s.loop())) }

// loop reads until an error.
func (s *subscriber) loop() error {
	events := make([]unix.EpollEvent, max(1, len(s.conns)))
	n := 1 // a single connection is read without asking whether it is readable
	for {
		if len(s.conns) != 1 {
			var err error
			if n, err = await(s.epoll, events); err != nil {
				return err
			}
		}
		for _, e := range events[:n] {
			c := s.conns[e.Fd]
			if err := s.receive(c); err != nil {
				return fmt.Errorf("connection %d: %w", c.index, err)
			}
		}
	}
}

// receive reads once.
func (s *subscriber) receive(c *conn) error {
	head := copy(s.buf, c.part)
	n, err := read(c.fd, s.buf[head:])
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.round == 0 {
		return fmt.Errorf("%d bytes came that nobody expects", n)
	}
	if s.expect.StampAt > 0 {
		if err := s.look(c, s.buf[:head+n]); err != nil {
			return err
		}
	}
	for c.left -= int64(n); c.left <= 0; c.left += c.round {
		if s.tally.received(c.rounds) {
			if err := write(acksWritable, []byte{s.index}); err != nil {
				return err
			}
		}
		c.rounds++
	}
	return nil
}

// look reads the stamps of all whole frames in b, notes how old they are, and
// keeps the rest. In a round they ascend: with as many messages as there should
// be, none is missing, twice there or out of order.
func (s *subscriber) look(c *conn, b []byte) error {
	now := clock()
	for ; len(b) >= s.expect.Frame; b = b[s.expect.Frame:] {
		stamp, err := readStamp(b[s.expect.StampAt:])
		if err != nil {
			return fmt.Errorf("read the stamp of %.200q: %w", b, err)
		}
		if stamp <= c.last {
			return fmt.Errorf("message %d followed %d: some were lost, repeated or out of order", stamp, c.last)
		}
		if s.expect.Timed {
			s.latencies.add(now - stamp)
		}
		c.last, c.behind = stamp, c.behind+1
		if int64(c.behind*s.expect.Frame) == c.round {
			c.last, c.behind = -1, 0
		}
	}
	c.part = append(c.part[:0], b...)
	return nil
}

func (s *subscriber) serve(o order) (outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.Expect != nil:
		return outcome{}, s.prepareLocked(*o.Expect)
	case o.Report:
		return s.reportLocked(), nil
	}
	return outcome{}, errOrder
}

// prepareLocked begins to count anew. No messages are on their way.
func (s *subscriber) prepareLocked(e expectation) error {
	s.expect, s.tally = e, newTally(len(s.conns))
	for _, c := range s.conns {
		if c.left != c.round {
			return fmt.Errorf("connection %d: %d bytes came beyond what was sent", c.index, c.round-c.left)
		}
		channels := 1
		if e.Share > 0 {
			channels = c.channels / e.Share
		}
		c.round = int64(channels) * int64(e.Round) * int64(e.Frame)
		c.left, c.rounds, c.last, c.behind = c.round, 0, -1, 0
	}
	return nil
}

// reportLocked forgets the latencies that it reports.
func (s *subscriber) reportLocked() outcome {
	o := outcome{Latencies: s.latencies}
	s.latencies = newHistogram()
	for _, c := range s.conns {
		got := int64(c.rounds)*c.round + c.round - c.left
		frame := int64(max(1, s.expect.Frame))
		o.Progress = append(o.Progress, progress{Received: int(got / frame), Round: int(c.round / frame)})
	}
	return o
}
