package hub

// What a message costs: to queue it, to write it, and in memory.

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/resp"
)

// burst is messages for one channel in one piece of memory, as a chunk that the
// tap has read.
func burst(n int) [][]byte {
	messages := make([][]byte, n)
	for i := range messages {
		messages[i] = frame("chat:42", strings.Repeat("x", 124))
	}
	return chunk(messages...)
}

// audience is a hub with so many listeners.
func audience(tb testing.TB, n int, resp3 bool) (h *Hub, members []*member) {
	tb.Helper()
	h, r := newHub(tb)
	for range n {
		m := newMember(tb, 64<<20)
		subscribeNow(tb, h, r, m, "chat:42")
		h.SetRESP3(m.Listener, resp3)
		members = append(members, m)
	}
	return h, members
}

// BenchmarkFanOut delivers bursts of 64 messages of 124 bytes, one flush each. Reading them is in the figures.
func BenchmarkFanOut(b *testing.B) {
	for _, listeners := range []int{1, 16, 256} {
		for _, resp3 := range []bool{false, true} {
			b.Run(fmt.Sprintf("listeners=%d/resp3=%v", listeners, resp3), func(b *testing.B) {
				h, members := audience(b, listeners, resp3)
				frames, channel := burst(64), []byte("chat:42")
				buf := make([]byte, 64*len(frames[0]))
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					for _, f := range frames {
						h.Deliver(resp.Message, channel, f, 0)
					}
					flush(b, h)
					endTurn(b, h)
					for _, m := range members {
						if n, err := syscall.Read(m.far, buf); n != len(buf) {
							b.Fatalf("read %d bytes, %v", n, err)
						}
					}
					n += listeners * len(frames)
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "deliveries/s")
				b.ReportMetric(0, "ns/op")
				if s := h.Stats(); s.Dropped > 0 {
					b.Errorf("%d were dropped: the figures mean nothing", s.Dropped)
				}
			})
		}
	}
}

// TestFanOutAllocates nothing while listeners read, in either protocol.
func TestFanOutAllocates(t *testing.T) {
	frames, channel := burst(64), []byte("chat:42")
	bytes := 64 * len(frames[0])
	for _, resp3 := range []bool{false, true} {
		h, members := audience(t, 16, resp3)
		buf := make([]byte, bytes)
		// The test itself reads, so that no socket is ever full.
		round := func() {
			for _, f := range frames {
				h.Deliver(resp.Message, channel, f, 0)
			}
			flush(t, h)
			for _, m := range members {
				if n, err := syscall.Read(m.far, buf); n != len(buf) {
					t.Fatalf("read %d bytes, %v", n, err)
				}
			}
			if !endTurn(t, h) {
				t.Fatal("something is kept")
			}
		}
		for range 3 {
			round() // the arrays grow to their size
		}
		if got := testing.AllocsPerRun(200, round); got > 0 {
			t.Errorf("resp3 %v: %v allocations for 64 messages to 16 listeners", resp3, got)
		}
	}
}

func BenchmarkReply(b *testing.B) {
	p := newPeer(b, 64<<20)
	reply := []byte(":1\r\n")
	buf := make([]byte, 100*len(reply))
	b.ReportAllocs()
	for b.Loop() {
		for range 100 {
			p.Reply(reply)
		}
		p.Flush()
		if n, err := syscall.Read(p.far, buf); n != len(buf) {
			b.Fatalf("read %d bytes, %v", n, err)
		}
	}
}
