package hub

// What a message costs: to queue it, to write it, and in memory.

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

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

// audience is a hub with listeners whose far ends read all the time. stop ends
// them.
func audience(tb testing.TB, n int, resp3 bool) (h *Hub, members []*member, stop func()) {
	tb.Helper()
	h, r := newHub(tb)
	var readers sync.WaitGroup
	for range n {
		m := newMember(tb, 64<<20)
		joined(tb, h, r, m, "chat:42")
		h.SetRESP3(m.Listener, resp3)
		members = append(members, m)
		readers.Go(func() {
			buf := make([]byte, 256<<10)
			for {
				if _, err := m.far.Read(buf); err != nil {
					return // io.EOF: the Outbox was closed
				}
			}
		})
	}
	return h, members, func() {
		for _, m := range members {
			m.Drain(patience)
			m.Close()
		}
		readers.Wait()
	}
}

// BenchmarkFanOut delivers bursts of 64 messages of 124 bytes, one flush each.
func BenchmarkFanOut(b *testing.B) {
	for _, listeners := range []int{1, 16, 256} {
		for _, resp3 := range []bool{false, true} {
			b.Run(fmt.Sprintf("listeners=%d/resp3=%v", listeners, resp3), func(b *testing.B) {
				h, members, stop := audience(b, listeners, resp3)
				defer stop()
				frames, channel := burst(64), []byte("chat:42")
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					for _, f := range frames {
						h.Deliver(resp.Message, channel, f, 0)
					}
					h.Flush()
					h.Settled()
					letReadersFollow(members)
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

// letReadersFollow waits while a reader is far behind, so that what is measured is
// what arrives.
func letReadersFollow(members []*member) {
	for _, m := range members {
		for m.Queued() > 1<<20 {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// TestFanOutAllocates nothing while listeners read, in either protocol.
func TestFanOutAllocates(t *testing.T) {
	frames, channel := burst(64), []byte("chat:42")
	bytes := 64 * len(frames[0])
	for _, resp3 := range []bool{false, true} {
		h, r := newHub(t)
		var members []*member
		for range 16 {
			m := newMember(t, 1<<20)
			joined(t, h, r, m, "chat:42")
			h.SetRESP3(m.Listener, resp3)
			members = append(members, m)
		}
		buf := make([]byte, bytes)
		// The test itself reads, so that no socket is ever full.
		round := func() {
			for _, f := range frames {
				h.Deliver(resp.Message, channel, f, 0)
			}
			h.Flush()
			for _, m := range members {
				if _, err := io.ReadFull(m.far, buf); err != nil {
					t.Fatal(err)
				}
			}
			if !h.Settled() {
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
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, p.far)
	}()
	reply := []byte(":1\r\n")
	b.ReportAllocs()
	for b.Loop() {
		for range 100 {
			p.Reply(reply)
		}
		p.Flush()
	}
	p.Drain(patience)
	p.Close()
	<-done
}
