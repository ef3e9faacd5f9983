package hub

// When the memory of frames may be used again.

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay/resp"
)

func TestSettled(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	joined(t, h, r, m, "a")
	want := func(when string, want bool) {
		t.Helper()
		if got := h.Settled(); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	want("at the start", true)
	say(h, "a", "1", 0)
	want("before the flush", false)
	h.SetRESP3(m.Listener, false)
	want("fanned out, before the flush", false)
	h.Flush()
	want("when it is written", true)
	m.expect(string(frame("a", "1")))

	hold := m.Hold()
	say(h, "a", "2", 0)
	h.Flush()
	want("behind a hold", false)
	hold.Fill([]byte(":1\r\n"))
	m.Flush()
	m.expect(":1\r\n" + string(frame("a", "2")))

	stuck := m.fill()
	say(h, "a", "3", 0)
	h.Flush()
	h.Flush() // of somebody else, who has nothing left to do
	want("with a full socket", false)
	want("for what came before", true)
	m.expect(strings.Repeat("\x00", stuck))
	m.expect(string(frame("a", "3")))
	eventually(t, "everything is written", func() bool { return m.Queued() == 0 })
	say(h, "a", "4", 0)
	h.Flush()
	want("with room again", true)
	m.expect(string(frame("a", "4")))

	m.fill()
	m.Close()
	say(h, "a", "5", 0)
	h.Flush()
	want("closed in the midst of a write", false)
}

// TestPushesAreKept: what a slow RESP3 listener has still to get is not overwritten
// by what others got meanwhile, and took at once.
func TestPushesAreKept(t *testing.T) {
	h, r := newHub(t)
	slow, quick := newMember(t, 1<<20), newMember(t, 1<<20)
	for m, name := range map[*member]string{slow: "a", quick: "b"} {
		joined(t, h, r, m, name)
		h.SetRESP3(m.Listener, true)
	}
	push := func(name, payload string) string { return ">" + string(frame(name, payload)[1:]) }
	stuck := slow.fill()
	for i := range 3 {
		say(h, "a", fmt.Sprint(i), 0)
		h.Flush()
		h.Settled() // not for what came now
		say(h, "b", fmt.Sprint(i), 0)
		h.Flush()
		h.Settled() // for what came now
		quick.expect(push("b", fmt.Sprint(i)))
	}
	slow.expect(strings.Repeat("\x00", stuck))
	slow.expect(push("a", "0") + push("a", "1") + push("a", "2"))
}

// TestSettledWhileOthersFlush: what they took is not written yet.
func TestSettledWhileOthersFlush(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	joined(t, h, r, m, "a")
	say(h, "a", "1", 0)
	h.SetRESP3(m.Listener, false) // fans out
	m.Outbox.mu.Lock()            // holds up the other
	var other sync.WaitGroup
	other.Go(h.Flush)
	eventually(t, "the other flushes", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.flushing > 0
	})
	h.Flush()
	if h.Settled() {
		t.Error("settled, and nothing is written")
	}
	m.Outbox.mu.Unlock()
	other.Wait()
	m.expect(string(frame("a", "1")))
}

// TestMemoryIsUsedAgain delivers from one piece of memory as long as that is
// settled, to listeners of which two do not always read, while others flush.
func TestMemoryIsUsedAgain(t *testing.T) {
	h, r := newHub(t)
	const rounds, perRound = 600, 20
	var all bytes.Buffer
	var memory []byte
	const slow = 2 // so many, the first of them
	members := []*member{newMember(t, 1<<30), newMember(t, 1<<30), newMember(t, 1<<30), newMember(t, 1<<30)}
	results := make([]bytes.Buffer, len(members))
	var reading sync.RWMutex // the slow ones read while it can be locked
	var readers, others sync.WaitGroup
	for i, m := range members {
		joined(t, h, r, m, "a")
		h.SetRESP3(m.Listener, i%2 == 1)
		readers.Go(func() {
			buf := make([]byte, 64<<10)
			for {
				if i < slow {
					reading.RLock()
					reading.RUnlock() //nolint:staticcheck // it is a gate
				}
				n, err := m.far.Read(buf)
				if results[i].Write(buf[:n]); err != nil {
					return // io.EOF: the Outbox was closed
				}
			}
		})
	}
	end := make(chan struct{})
	for _, flush := range []func(){h.Flush, func() { members[slow].Flush() }} {
		others.Go(func() {
			for !isDone(end) {
				flush()
				runtime.Gosched()
			}
		})
	}

	used := map[bool]int{}
	for round := range rounds {
		switch round % 200 {
		case 0:
			reading.Lock()
		case 100:
			reading.Unlock()
		}
		start := all.Len()
		for i := range perRound {
			all.Write(frame("a", fmt.Sprintf("%06d %s", round*perRound+i, strings.Repeat("x", round))))
		}
		memory = append(memory[:0], all.Bytes()[start:]...)
		for rest := memory; len(rest) > 0; {
			var d resp.Delivery
			_, n, _ := resp.ScanServer(rest, &d)
			h.Deliver(d.Kind, d.Channel, d.Frame, 0)
			rest = rest[n:]
		}
		h.Flush()
		free := h.Settled()
		if used[free]++; !free {
			memory = nil
		}
		for _, m := range members {
			if round%200 >= 100 {
				eventually(t, "nothing is queued", func() bool { return m.Queued() == 0 })
			}
		}
	}
	close(end)
	others.Wait()
	for _, m := range members {
		if !m.Drain(patience) {
			t.Error("not all was written")
		}
		m.Close()
	}
	readers.Wait()
	if used[true] == 0 || used[false] == 0 {
		t.Errorf("memory was settled %d times, and %d times not: want both", used[true], used[false])
	}
	for i := range members {
		want := all.Bytes()
		if i%2 == 1 {
			want = bytes.ReplaceAll(want, []byte("*3\r\n"), []byte(">3\r\n"))
		}
		if !bytes.Equal(results[i].Bytes(), want) {
			t.Errorf("listener %d heard something else", i)
		}
	}
}
