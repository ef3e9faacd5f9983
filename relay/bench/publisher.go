//go:build linux

// Publishers that do not wait for replies: as fast as the subscribers allow, or
// by the clock.

package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// flood is an order to send whole rounds for a time, each as long as the
// subscribers expect.
type flood struct {
	Prefix   string
	Channels int
	Round    int // messages on each channel
	Payload  int // bytes
	Workers  int // of the subscribers
	For      time.Duration
	Alone    bool // a round goes out when the one before is received
}

// perRound is the number of messages in a round.
func (f *flood) perRound() int { return f.Channels * f.Round }

// pace is an order to send a number of stamped messages on channel 0 by the
// clock, whatever becomes of the ones before.
type pace struct {
	Prefix   string
	Rate     int // messages/s
	Messages int
	Payload  int // bytes
	Workers  int // of the subscribers
}

// stream is an order to send messages to one channel by the clock, in batches of a millisecond, whoever receives them.
type stream struct {
	Channel string
	Rate    int // messages/s
	Payload int // bytes
}

// publisher is one connection to redis-server, on which replies are off, or to a
// nats-server.
type publisher struct {
	fd      int
	publish func(channel, payload string) []byte
}

func newPublisher(s setup) (*publisher, error) {
	p := &publisher{publish: func(channel, payload string) []byte { return command("PUBLISH", channel, payload) }}
	var err error
	if address, ok := strings.CutPrefix(s.Connect, natsScheme); ok {
		p.publish = natsPublish
		p.fd, err = dialNATS(address, nil)
	} else if p.fd, err = dial(s.Connect); err == nil {
		err = write(p.fd, command("CLIENT", "REPLY", "OFF"))
	}
	if err != nil {
		return nil, err
	}
	// A sleep of the pace ends when it should, not 50 us later.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("set the timer slack: %w", err)
	}
	return p, nil
}

func (p *publisher) serve(o order) (outcome, error) {
	switch {
	case o.Flood != nil:
		body := string(payload(o.Flood.Payload))
		round := stamped(o.Flood.perRound(), func(i int) []byte {
			return p.publish(channel(o.Flood.Prefix, i%o.Flood.Channels), body)
		})
		return o.Flood.send(func() error { return write(p.fd, round) })
	case o.Pace != nil:
		return p.pace(o.Pace)
	case o.Stream != nil:
		return p.stream(o.Stream, o.For)
	}
	return outcome{}, errOrder
}

// send sends rounds until the time is over and all is received.
func (f *flood) send(round func() error) (outcome, error) {
	acks := newAcks(acksReadable, f.Workers)
	start := time.Now()
	for time.Since(start) < f.For {
		if f.Alone {
			if err := acks.drain(); err != nil {
				return outcome{}, err
			}
		}
		if err := acks.send(); err != nil {
			return outcome{}, err
		}
		if err := round(); err != nil {
			return outcome{}, err
		}
	}
	if err := acks.drain(); err != nil {
		return outcome{}, err
	}
	return outcome{Count: int64(acks.sent) * int64(f.perRound()), Elapsed: time.Since(start)}, nil
}

func (p *publisher) pace(o *pace) (outcome, error) {
	message := p.publish(channel(o.Prefix, 0), string(payload(o.Payload)))
	stamp := message[stampAt(message):]
	acks := newAcks(acksReadable, o.Workers)
	acks.sent = 1 // all of them are one round
	start := clock()
	for i := range o.Messages {
		sleepUntil(start + int64(i)*int64(time.Second)/int64(o.Rate))
		putStamp(stamp, clock())
		if err := write(p.fd, message); err != nil {
			return outcome{}, err
		}
	}
	elapsed := clock() - start
	return outcome{Count: int64(o.Messages), Elapsed: time.Duration(elapsed)}, acks.drain()
}

// stream sends until the time is over. A connection that takes less than the rate makes it send less.
func (p *publisher) stream(o *stream, length time.Duration) (outcome, error) {
	const tick = time.Millisecond
	each := max(1, o.Rate/int(time.Second/tick))
	batch := bytes.Repeat(p.publish(o.Channel, string(payload(o.Payload))), each)
	start, sent := clock(), 0
	for at := start; clock()-start < int64(length); at += int64(tick) {
		sleepUntil(at)
		if err := write(p.fd, batch); err != nil {
			return outcome{}, err
		}
		sent += each
	}
	return outcome{Count: int64(sent), Elapsed: time.Duration(clock() - start)}, nil
}

// sleepUntil sleeps until a moment of CLOCK_MONOTONIC, in nanoseconds.
func sleepUntil(moment int64) {
	for {
		left := moment - clock()
		if left <= 0 {
			return
		}
		ts := unix.NsecToTimespec(left)
		_ = unix.Nanosleep(&ts, nil) // a signal may end it: look at the clock again
	}
}

// client publishes and waits for the replies, like an app does: one at a time,
// or several in a pipeline.
type client struct {
	fd      int
	batch   []byte
	replies int // to a batch
	refused bool
	buf     []byte
}

func newClient(s setup) (*client, error) {
	fd, err := dial(s.Connect)
	if err != nil {
		return nil, err
	}
	return &client{fd, bytes.Repeat(s.Command, s.Parallel), s.Parallel, s.Refused, make([]byte, readSize)}, nil
}

func (c *client) serve(o order) (outcome, error) {
	done := outcome{Latencies: newHistogram()}
	for start := time.Now(); done.Elapsed < o.For; {
		if err := write(c.fd, c.batch); err != nil {
			return outcome{}, err
		}
		if err := c.hear(); err != nil {
			return outcome{}, err
		}
		done.Count += int64(c.replies)
		now := time.Since(start)
		done.Latencies.add(int64(now - done.Elapsed))
		done.Elapsed = now
	}
	return done, nil
}

// hear reads the replies to a batch.
func (c *client) hear() error {
	if c.refused {
		return refusals(c.fd, c.replies, c.buf)
	}
	return lines(c.fd, c.replies, c.buf)
}
