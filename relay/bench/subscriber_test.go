//go:build linux

// Crowds: who listens to what, and that they count right.

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestTallyCountsRounds(t *testing.T) {
	tally := newTally(2)
	for i, step := range []struct {
		round int
		last  bool
	}{{0, false}, {1, false}, {0, true}, {2, false}, {1, true}, {2, true}} {
		if got := tally.received(step.round); got != step.last {
			t.Errorf("step %d, round %d: %v", i, step.round, got)
		}
	}
}

func TestAcksWaitForTheSlowest(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	fd := int(r.Fd()) // which makes it block
	// A worker that blocks holds its whole process up, and this one is not a worker: what
	// it would wait for is an error here.
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	a := newAcks(fd, 2)
	for range window {
		if err := a.send(); err != nil { // nothing to wait for
			t.Fatal(err)
		}
	}
	// Worker 0 is done with both rounds and worker 7 is nobody's: not enough.
	if _, err := w.Write([]byte{0, 0, 7, 7, 7}); err != nil {
		t.Fatal(err)
	}
	if err := a.send(); !errors.Is(err, syscall.EAGAIN) {
		t.Fatal("does not wait, over the window: ", err)
	}
	if _, err := w.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := a.until(a.sent - window); err != nil {
		t.Fatal(err)
	}
	if got := a.slowest(); got != 1 {
		t.Errorf("slowest has %d rounds, want 1", got)
	}
}

func TestInterest(t *testing.T) {
	for _, tt := range []struct {
		in         interest
		subscriber int
		want       string
	}{
		{interest{channels: 1}, 5, "[a000000 b000000]"},
		{interest{channels: 5, step: 2}, 0, "[a000000 a000002 a000004 b000000 b000002 b000004]"},
		{interest{channels: 5, step: 2}, 1, "[a000001 a000003 b000001 b000003]"},
	} {
		if got := fmt.Sprint(tt.in.of(tt.subscriber, []string{"a", "b"})); got != tt.want {
			t.Errorf("%+v of %d: %s, want %s", tt.in, tt.subscriber, got, tt.want)
		}
	}
}

func TestProcessesOfACrowd(t *testing.T) {
	for n, want := range map[int]string{
		1: "[1]", 3: "[1 1 1]", 16: "[4 4 4 4]", 65: "[17 16 16 16]", 257: "[52 52 51 51 51]",
	} {
		if got := fmt.Sprint(split(n, workersFor(n))); got != want {
			t.Errorf("%d subscribers: %s, want %s", n, got, want)
		}
	}
}

func TestLossesSayWhoAndHowMany(t *testing.T) {
	for want, all := range map[string][]progress{
		"0 messages were lost: ": {{20, 10}, {20, 10}},
		"3 messages were lost: subscriber 1 lost 2 of 30, subscriber 2 lost 1 of 30":   {{30, 10}, {28, 10}, {29, 10}},
		"11 messages were lost: subscriber 0 lost 1 of 20, subscriber 1 lost 10 of 20": {{19, 10}, {10, 10}},
		// Each has channels of its own.
		"1 messages were lost: subscriber 0 lost 1 of 40": {{39, 20}, {20, 10}, {0, 0}},
	} {
		if got := losses(all); got != want {
			t.Errorf("%v: %q, want %q", all, got, want)
		}
	}
	if got := losses(slices.Repeat([]progress{{9, 10}}, 12)); !strings.HasSuffix(got, "subscriber 7 lost 1 of 10 and 4 others") {
		t.Errorf("too many to name: %q", got)
	}
}

// A subscriber must notice what the count of bytes cannot show.
func TestSubscriberLooksAtStamps(t *testing.T) {
	one := frame("c", payload(200))
	for name, tt := range map[string]struct {
		stamps []int64
		bad    bool
	}{
		"two rounds":   {[]int64{0, 1, 2, 0, 1, 2}, false},
		"own channels": {[]int64{0, 4, 9, 0, 4, 9}, false},
		"lost":         {[]int64{0, 2, 0, 1, 2}, true},
		"repeated":     {[]int64{0, 1, 1}, true},
		"out of order": {[]int64{1, 0, 2}, true},
	} {
		s := &subscriber{expect: expectation{Frame: len(one), StampAt: stampAt(one)}}
		c := &conn{round: int64(3 * len(one)), last: -1}
		var all []byte
		for _, stamp := range tt.stamps {
			b := slices.Clone(one)
			putStamp(b[stampAt(b):], stamp)
			all = append(all, b...)
		}
		var err error
		for piece := range slices.Chunk(all, len(one)+7) {
			if err == nil {
				err = s.look(c, append(c.part, piece...))
			}
		}
		if (err != nil) != tt.bad {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSubscriberTellsHowFarItIs(t *testing.T) {
	c := &conn{}
	s := &subscriber{conns: []*conn{c}, latencies: newHistogram()}
	if err := s.prepareLocked(expectation{Frame: 10, Round: 4}); err != nil {
		t.Fatal(err)
	}
	c.rounds, c.left = 2, 15 // 2 messages and a half of the third round
	if got, want := s.reportLocked().Progress, []progress{{10, 4}}; !slices.Equal(got, want) {
		t.Errorf("progress is %v, want %v", got, want)
	}
	if err := s.prepareLocked(expectation{Frame: 10, Round: 4}); err == nil {
		t.Error("what came beyond the last round was not noticed")
	}
}
