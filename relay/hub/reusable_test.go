package hub

// When the memory of frames may be used again.

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

func TestSettled(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 64<<20)
	subscribeNow(t, h, r, m, "a")
	want := func(when string, want bool) {
		t.Helper()
		if got := endTurn(t, h); got != want {
			t.Errorf("%s: got %v, want %v", when, got, want)
		}
	}
	want("at the start", true)
	say(h, "a", "1", 0)
	h.SetRESP3(m.Listener, false)
	want("fanned out, before the flush", false)
	flush(t, h)
	want("when it is written", true)
	m.expect(string(frame("a", "1")))

	first, second := m.reserveReply(), m.reserveConfirmation()
	second.Complete([]byte("+joined\r\n"))
	say(h, "a", "2", 0)
	flush(t, h)
	want("behind a confirmation that waits", false)
	first.Complete([]byte(":1\r\n"))
	m.Flush()
	m.expect(":1\r\n+joined\r\n" + string(frame("a", "2")))

	stuck := m.fillSocket()
	say(h, "a", "3", 0)
	flush(t, h)
	flush(t, h) // of somebody else, who has nothing left to do
	want("with a full socket", false)
	want("for what came before", true)
	m.expect(strings.Repeat("\x00", stuck))
	m.expect(string(frame("a", "3")))
	eventually(t, "everything is written", func() bool { return m.Queued() == 0 })
	say(h, "a", "4", 0)
	flush(t, h)
	want("with room again", true)
	m.expect(string(frame("a", "4")))

	m.fillSocket()
	m.Close()
	say(h, "a", "5", 0)
	flush(t, h)
	want("closed in the midst of a write", false)
}

// TestFlushInParts: who has something to write is written to once, and nobody is forgotten, while more
// comes all the time.
func TestFlushInParts(t *testing.T) {
	const peers = 3*connectionsPerTurn - 1
	var all []*peer
	for range peers {
		all = append(all, newPeer(t, 1<<20))
	}
	f := &loopTurnOf(t).flusher
	sent := 0
	for range 20 {
		for _, p := range all {
			p.Append([]byte("x"))
		}
		sent++
		if f.Flush() || f.BuffersReusable() {
			t.Fatal("all are written to in one part")
		}
	}
	if len(f.dirty) > peers {
		t.Errorf("%d places for %d who wait", len(f.dirty), peers)
	}
	loopTurnOf(t).flush()
	for _, p := range all {
		p.expect(strings.Repeat("x", sent))
		p.nothing()
	}
}

// TestPushesAreKept: what a slow RESP3 listener has still to get is not overwritten
// by what others got meanwhile, and took at once.
func TestPushesAreKept(t *testing.T) {
	h, r := newHub(t)
	slow, quick := newMember(t, 1<<20), newMember(t, 1<<20)
	for m, name := range map[*member]string{slow: "a", quick: "b"} {
		subscribeNow(t, h, r, m, name)
		h.SetRESP3(m.Listener, true)
	}
	push := func(name, payload string) string { return ">" + string(frame(name, payload)[1:]) }
	stuck := slow.fillSocket()
	for i := range 3 {
		say(h, "a", fmt.Sprint(i), 0)
		flush(t, h)
		endTurn(t, h) // not for what came now
		say(h, "b", fmt.Sprint(i), 0)
		flush(t, h)
		endTurn(t, h) // for what came now
		quick.expect(push("b", fmt.Sprint(i)))
	}
	slow.expect(strings.Repeat("\x00", stuck))
	slow.expect(push("a", "0") + push("a", "1") + push("a", "2"))
}

// TestMemoryIsUsedAgain delivers from one piece of memory as long as that is settled, to listeners of
// which two do not always read, and of which one has answers to come.
func TestMemoryIsUsedAgain(t *testing.T) {
	const rounds, perRound = 600, 20
	h, r := newHub(t)
	var all bytes.Buffer
	memory := make([]byte, 0, 1<<20)
	const slow = 2 // so many, the first of them
	members := []*member{newMember(t, 1<<30), newMember(t, 1<<30), newMember(t, 1<<30), newMember(t, 1<<30)}
	results := make([]bytes.Buffer, len(members))
	for i, m := range members {
		subscribeNow(t, h, r, m, "a")
		h.SetRESP3(m.Listener, i%2 == 1)
	}
	read := func(least int) {
		for i, m := range members {
			for b := []byte{0}; i >= least && len(b) > 0; results[i].Write(b) {
				b = m.take(256 << 10)
			}
		}
	}
	used := map[bool]int{}
	var slot *Slot
	for round := range rounds {
		if round%5 == 0 {
			slot = members[slow].reserveReply()
			members[slow].reserveReply().Complete(nil)
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
		flush(t, h)
		free := endTurn(t, h)
		if used[free]++; !free {
			memory = make([]byte, 0, 1<<20)
		}
		if round%5 == 2 {
			slot.Complete(nil)
		}
		if round%200 < 100 {
			read(slow)
		} else {
			read(0)
		}
	}
	members[0].Flush()
	read(0)
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
