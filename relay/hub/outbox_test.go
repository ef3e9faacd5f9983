package hub

// The Outbox on real sockets: order, partial writes, and a peer that does not
// read.

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/nonblock"
)

func TestOutboxKeepsOrder(t *testing.T) {
	p := newPeer(t, 1<<20)
	p.Append([]byte("a1 "))
	p.Reply([]byte("r1 "))
	p.Reply([]byte("r2 "))
	first := p.reserveReply()
	p.Append([]byte("a2 "))
	second := p.reserveReply()
	p.Append([]byte("a3 "))
	p.Reply([]byte("r3 "))
	third := p.reserveReply()
	p.Append([]byte("a4 "))
	p.Flush()
	p.expect("a1 r1 r2 a2 a3 a4 ")
	p.nothing()

	second.Complete([]byte("h2 ")) // behind the first: it waits, but what is appended does not
	p.Append([]byte("a5 "))
	p.Flush()
	p.expect("a5 ")
	p.nothing()
	first.Complete([]byte("h1 "))
	p.Flush()
	p.expect("h1 h2 r3 ")
	p.nothing()
	third.Complete(nil) // given up
	p.Append([]byte("a6 "))
	p.Flush()
	p.expect("a6 ")
	if n := p.Queued(); n != 0 {
		t.Errorf("%d bytes are queued when all is read", n)
	}
}

// TestOutboxCopies what Reply and Complete are given, not what Append is.
func TestOutboxCopies(t *testing.T) {
	p := newPeer(t, 1<<20)
	b := []byte("xx")
	hold := p.reserveReply()
	p.Reply(b)
	hold.Complete(b)
	copy(b, "yy")
	p.Reply(b)
	p.Flush()
	p.expect("xxxxyy")
}

func TestOutboxLimit(t *testing.T) {
	p := newPeer(t, 10)
	if !p.Append(make([]byte, 100)) {
		t.Error("an empty queue does not take a frame that is larger than it")
	}
	if p.Append([]byte("x")) || !p.Full(1) {
		t.Error("a full queue takes more")
	}
	if p.Reply([]byte("x")); len(p.ends) != 1 || <-p.ends != ReasonSlow {
		t.Error("a reply that finds no room does not end the connection")
	}
	p.Flush()
	if !p.Append(make([]byte, 10)) || p.Append([]byte("x")) {
		t.Error("not exactly the limit")
	}
	p.bounds.Queue.Store(11)
	if !p.Append([]byte("x")) {
		t.Error("the limit was raised, and it does not notice")
	}
	if p.reserveReply() != nil {
		t.Error("a full queue promises a place")
	}
	p.wantEnd(ReasonSlow)
	p.bounds.Queue.Store(12)
	hold := p.reserveReply()
	p.bounds.Queue.Store(11)
	if p.Append([]byte("y")) {
		t.Error("what waits behind a Hold does not count")
	}
	hold.Complete(make([]byte, 50)) // an answer finds room while the socket takes it
	if len(p.ends) > 0 {
		t.Error("the connection was given up")
	}
	p.Flush()
	p.expect(strings.Repeat("\x00", 110) + "x" + strings.Repeat("\x00", 50))
	if n := p.Queued(); n != 0 {
		t.Errorf("%d bytes queued", n)
	}
}

// TestOutboxStuckPeer: nobody waits for it, and it misses nothing once it reads.
func TestOutboxStuckPeer(t *testing.T) {
	p := newPeer(t, 64<<20)
	began := time.Now()
	n := p.fillSocket()
	for i := range 10_000 { // while a goroutine waits for the peer
		p.Append(fmt.Appendf(nil, "%08d", i))
		p.Flush()
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("a peer that does not read cost %v", took)
	}
	got := p.read(n + 80_000)
	if len(got) != n+80_000 {
		t.Fatalf("read %d bytes", len(got))
	}
	for i := range 10_000 {
		if want := fmt.Sprintf("%08d", i); string(got[n+8*i:n+8*i+8]) != want {
			t.Fatalf("piece %d: got %q, want %q", i, got[n+8*i:n+8*i+8], want)
		}
	}
	eventually(t, "nothing is queued", func() bool { return p.Queued() == 0 })
	p.Append([]byte("again")) // written in place, as before
	p.Flush()
	p.expect("again")
}

// TestOutboxAnySizes: writes that the socket cuts anywhere, and more slices than
// one writev takes, come out whole.
func TestOutboxAnySizes(t *testing.T) {
	p := newPeer(t, 64<<20)
	var want bytes.Buffer
	for i := range 3 * nonblock.MaxVectors {
		b := bytes.Repeat([]byte{byte('a' + i%26)}, 1+(i*i)%3000)
		want.Write(b)
		p.Append(b)
		if i%700 == 699 {
			p.Flush()
		}
	}
	p.Flush()
	p.expect(want.String())
}

func TestOutboxCloseWhileWriting(t *testing.T) {
	p := newPeer(t, 64<<20)
	p.fillSocket()
	hold := p.reserveReply()
	p.Close()
	p.Close()
	hold.Complete([]byte("late"))
	p.Reply([]byte("x"))
	p.wantEnd()
	if !p.Append([]byte("x")) || p.Full(1<<30) {
		t.Error("a closed Outbox is full, want it to forget")
	}
	p.Flush()
	if n := p.Queued(); n != 0 {
		t.Errorf("%d bytes are queued after Close", n)
	}
	if p.Pending() || !p.Closed() {
		t.Error("a closed Outbox owes something")
	}
}

// TestOutboxPeerGone: the first write that fails closes it.
func TestOutboxPeerGone(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		p := newPeer(t, 64<<20)
		if stuck {
			p.fillSocket()
		}
		p.hangUp()
		p.Append([]byte("x"))
		p.Flush()
		loopTurnOf(t).writeWaiting()
		loopTurnOf(t).writeWaiting()
		if n := p.Queued(); n != 0 {
			t.Errorf("%d bytes are queued for nobody", n)
		}
		if !p.Closed() {
			t.Error("it is not closed")
		}
	}
}

// TestOutboxReturnsMemory that a burst took.
func TestOutboxReturnsMemory(t *testing.T) {
	p := newPeer(t, 64<<20)
	hold := p.reserveReply()
	for range 5000 {
		p.Append(make([]byte, 10))
		p.Reply(make([]byte, 10))
	}
	hold.Complete(make([]byte, 1<<20))
	p.Flush()
	p.skip(100_000 + 1<<20)
	out := &p.output
	if out.ready != nil && cap(out.ready) > maxSpare || cap(out.spare) > maxSpare || cap(p.slots.list) > maxSpare {
		t.Errorf("keeps %d ready, %d spare, %d slots", cap(out.ready), cap(out.spare), cap(p.slots.list))
	}
	if out.array != nil || out.batch != nil || cap(out.tail) > maxTail {
		t.Errorf("keeps %d of a batch, %d bytes of tail", cap(out.array), cap(out.tail))
	}
	for _, b := range out.spare[:cap(out.spare)] {
		if b != nil {
			t.Fatal("keeps a frame alive that was written")
		}
	}
}

func TestJoin(t *testing.T) {
	mem := []byte("abcdefgh")
	cases := []struct {
		name  string
		parts [][]byte
		want  int // slices
	}{
		{"neighbours", [][]byte{mem[:2], mem[2:5], mem[5:]}, 1},
		{"a gap", [][]byte{mem[:2], mem[3:5]}, 2},
		{"backwards", [][]byte{mem[2:4], mem[:2]}, 2},
		{"other memory", [][]byte{mem[:2], []byte("cd")}, 2},
		{"capped", [][]byte{mem[:2:2], mem[2:4]}, 2},
		{"empty", [][]byte{mem[:2], nil, mem[2:4], {}}, 1},
	}
	for _, c := range cases {
		var list [][]byte
		var want []byte
		for _, p := range c.parts {
			list = join(list, p)
			want = append(want, p...)
		}
		if got := bytes.Join(list, nil); len(list) != c.want || !bytes.Equal(got, want) {
			t.Errorf("%s: %d slices, want %d; %q, want %q", c.name, len(list), c.want, got, want)
		}
	}
}

// What is given is one: for an empty queue never too large, and in its place among what
// waits for an answer.
func TestGive(t *testing.T) {
	p := newPeer(t, 10)
	p.ReplyOwned([]byte("far more "), nil, []byte("than 10 bytes\r\n"))
	p.Flush()
	p.expect("far more than 10 bytes\r\n")
	p.bounds.Queue.Store(100)
	first, second := p.reserveReply(), p.reserveReply()
	p.Reply([]byte("+4\r\n"))
	second.CompleteOwned([]byte("+2\r\n"), []byte("+3\r\n"))
	first.Complete([]byte("+1\r\n"))
	p.Flush()
	p.expect("+1\r\n+2\r\n+3\r\n+4\r\n")
	p.bounds.Queue.Store(10)
	p.reserveReply()
	p.ReplyOwned([]byte("12345"))
	p.ReplyOwned([]byte("12345"), []byte("6")) // what is there leaves no room for it
	p.wantEnd(ReasonSlow)
}
