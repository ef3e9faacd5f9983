package traffic

// What counting costs.

import (
	"strconv"
	"testing"
	"time"
)

// channelsOf returns names like those of a chat.
func channelsOf(n int) (list [][]byte) {
	for i := range n {
		list = append(list, strconv.AppendInt([]byte("chat:room:"), int64(i), 10))
	}
	return list
}

// BenchmarkIn is the cost for a channel with each visit of its own: gathered bursts cost less for each message.
func BenchmarkIn(b *testing.B) {
	for _, n := range []int{1, 100, 4000, 1_000_000} {
		b.Run(strconv.Itoa(n)+" channels", func(b *testing.B) {
			s, channels := newScene(b), channelsOf(n)
			for _, c := range channels {
				s.In(c, 1, 100, 100)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				s.In(channels[i], 1, 100, 100)
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkTick is what the loop pays once a second, with a full table.
func BenchmarkTick(b *testing.B) {
	s := newScene(b)
	channels := channelsOf(Capacity)
	for b.Loop() {
		for _, c := range channels {
			s.In(c, 1, 100, 100)
		}
		s.now = s.now.Add(time.Second)
		s.Tick(s.now, false)
	}
}

// BenchmarkTop is what a reader costs the loop.
func BenchmarkTop(b *testing.B) {
	s := newScene(b)
	for _, c := range channelsOf(Capacity) {
		s.In(c, 1, 100, 100)
	}
	s.quiet(1)
	for b.Loop() {
		s.Top(InMessages, 100)
	}
}

// TestNoAllocations, but for a channel that is new.
func TestNoAllocations(t *testing.T) {
	s, channels := newScene(t), channelsOf(2*Capacity)
	all := func() {
		for _, c := range channels {
			s.In(c, 1, 100, 100)
			s.Out(c, 100, nil)
		}
	}
	all()
	if n := testing.AllocsPerRun(10, all); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
