package hub

// The Outbox on real sockets: order, partial writes, and a peer that does not
// read.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOutboxKeepsOrder(t *testing.T) {
	p := newPeer(t, 1<<20)
	p.Append([]byte("a1 "))
	p.Reply([]byte("r1 "))
	p.Reply([]byte("r2 "))
	first := p.Hold()
	p.Append([]byte("a2 "))
	second := p.Hold()
	p.Append([]byte("a3 "))
	p.Reply([]byte("r3 "))
	third := p.Hold()
	p.Append([]byte("a4 "))
	p.Flush()
	p.expect("a1 r1 r2 ")
	p.nothing()

	second.Fill([]byte("h2 ")) // behind the first: it waits
	p.Flush()
	p.nothing()
	first.Fill([]byte("h1 "))
	p.Flush()
	p.expect("h1 a2 h2 a3 r3 ")
	p.nothing()
	third.Fill(nil) // given up
	p.Append([]byte("a5 "))
	p.Flush()
	p.expect("a4 a5 ")
	if n := p.Queued(); n != 0 {
		t.Errorf("%d bytes are queued when all is read", n)
	}
}

// TestOutboxCopies what Reply and Fill are given, not what Append is.
func TestOutboxCopies(t *testing.T) {
	p := newPeer(t, 1<<20)
	b := []byte("xx")
	hold := p.Hold()
	p.Reply(b)
	hold.Fill(b)
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
	if p.Reply([]byte("x")); len(p.ended) != 1 || <-p.ended != ReasonSlow {
		t.Error("a reply that finds no room does not end the connection")
	}
	p.Flush()
	if !p.Append(make([]byte, 10)) || p.Append([]byte("x")) {
		t.Error("not exactly the limit")
	}
	p.limit.Store(11)
	if !p.Append([]byte("x")) {
		t.Error("the limit was raised, and it does not notice")
	}
	if p.Hold() != nil {
		t.Error("a full queue promises a place")
	}
	p.wantEnd(ReasonSlow)
	p.limit.Store(12)
	hold := p.Hold()
	p.limit.Store(11)
	if p.Append([]byte("y")) {
		t.Error("what waits behind a Hold does not count")
	}
	hold.Fill(make([]byte, 50)) // an answer finds room while the socket takes it
	if len(p.ended) > 0 {
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
	n := p.fill()
	for i := range 10_000 { // while a goroutine waits for the peer
		p.Append(fmt.Appendf(nil, "%08d", i))
		p.Flush()
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("a peer that does not read cost %v", took)
	}
	got := make([]byte, n+80_000)
	if _, err := io.ReadFull(p.far, got); err != nil {
		t.Fatal(err)
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
	for i := range 3 * maxIovecs {
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
	p.fill()
	hold := p.Hold()
	p.Close()
	p.writers.Wait()
	p.Close()
	hold.Fill([]byte("late"))
	p.Reply([]byte("x"))
	p.wantEnd()
	if !p.Append([]byte("x")) || p.Full(1<<30) {
		t.Error("a closed Outbox is full, want it to forget")
	}
	p.Flush()
	if n := p.Queued(); n != 0 {
		t.Errorf("%d bytes are queued after Close", n)
	}
	if p.Drain(time.Second) {
		t.Error("Drain says that all was written")
	}
	if _, err := io.Copy(io.Discard, p.far); err != nil {
		t.Errorf("the far end: %v", err)
	}
}

// TestOutboxPeerGone: the first write that fails closes it.
func TestOutboxPeerGone(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		p := newPeer(t, 64<<20)
		if stuck {
			p.fill()
		}
		_ = p.far.Close()
		p.Append([]byte("x"))
		p.Flush()
		p.writers.Wait()
		if n := p.Queued(); n != 0 {
			t.Errorf("%d bytes are queued for nobody", n)
		}
		if p.Append(nil); p.Drain(time.Second) {
			t.Error("Drain says that all was written")
		}
	}
}

func TestOutboxDrain(t *testing.T) {
	p := newPeer(t, 64<<20)
	if !p.Drain(time.Minute) {
		t.Error("an empty one does not drain")
	}
	p.Append([]byte("x"))
	if !p.Drain(time.Minute) { // writes what was not flushed
		t.Error("what the socket takes does not drain")
	}
	p.expect("x")

	hold := p.Hold()
	if p.Drain(10 * time.Millisecond) {
		t.Error("drained with a Hold that is not filled")
	}
	time.AfterFunc(10*time.Millisecond, func() { hold.Fill([]byte("y")); p.Flush() })
	if !p.Drain(patience) {
		t.Error("the Hold was filled, and it does not drain")
	}
	p.expect("y")

	n := p.fill()
	if p.Drain(10 * time.Millisecond) {
		t.Error("drained, and nobody read")
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, p.far, int64(n))
		read <- err
	}()
	if !p.Drain(patience) {
		t.Error("all was read, and it does not drain")
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	p.fill()
	time.AfterFunc(10*time.Millisecond, p.Close)
	if p.Drain(patience) {
		t.Error("closed, and it says that all was written")
	}
}

// TestOutboxReturnsMemory that a burst took.
func TestOutboxReturnsMemory(t *testing.T) {
	p := newPeer(t, 64<<20)
	hold := p.Hold()
	for range 5000 {
		p.Append(make([]byte, 10))
		p.Reply(make([]byte, 10))
	}
	hold.Fill(make([]byte, 1<<20))
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.Discard, p.far, 100_000+1<<20)
		read <- err
	}()
	if !p.Drain(patience) {
		t.Fatal("not drained")
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready != nil && cap(p.ready) > maxSpare || cap(p.spare) > maxSpare || p.holds != nil {
		t.Errorf("keeps %d ready, %d spare, %d holds", cap(p.ready), cap(p.spare), cap(p.holds))
	}
	if p.store != nil || p.batch != nil || cap(p.tail) > maxTail {
		t.Errorf("keeps %d of a batch, %d bytes of tail", cap(p.store), cap(p.tail))
	}
	for _, b := range p.spare[:cap(p.spare)] {
		if b != nil {
			t.Fatal("keeps a frame alive that was written")
		}
	}
}

// TestOutboxManyWriters: frames of several goroutines, with replies and holds, to
// a reader with pauses: each goroutine's come in order, whole, and once.
func TestOutboxManyWriters(t *testing.T) {
	const writers, each = 8, 4000
	p := newPeer(t, 64<<20)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				b := make([]byte, 8)
				binary.BigEndian.PutUint32(b, uint32(w))
				binary.BigEndian.PutUint32(b[4:], uint32(i))
				switch i % 5 {
				case 0:
					p.Hold().Fill(b)
				case 1, 2:
					p.Reply(b)
				default:
					p.Append(b)
				}
				if i%3 == 0 {
					p.Flush()
				}
			}
			p.Flush()
		})
	}
	var next [writers]uint32
	b := make([]byte, 8)
	for n := range writers * each {
		if n%5000 == 0 {
			time.Sleep(5 * time.Millisecond) // lets the socket fill
		}
		if _, err := io.ReadFull(p.far, b); err != nil {
			t.Fatal(err)
		}
		w, i := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if w >= writers || next[w] != i {
			t.Fatalf("frame %d: writer %d's %d, want %v", n, w, i, next)
		}
		next[w]++
	}
	wg.Wait()
	if !p.Drain(patience) || p.Queued() != 0 {
		t.Errorf("%d bytes queued when all is read", p.Queued())
	}
}

func TestOutboxNeedsADescriptor(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	if _, err := NewOutbox(ours, nil, nil, nil); err == nil {
		t.Error("took a connection without a file descriptor")
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
	p.Give([]byte("far more "), nil, []byte("than 10 bytes\r\n"))
	p.Flush()
	p.expect("far more than 10 bytes\r\n")
	p.bounds.Queue.Store(100)
	first, second := p.Hold(), p.Hold()
	p.Reply([]byte("+4\r\n"))
	second.Give([]byte("+2\r\n"), []byte("+3\r\n"))
	first.Fill([]byte("+1\r\n"))
	p.Flush()
	p.expect("+1\r\n+2\r\n+3\r\n+4\r\n")
	p.bounds.Queue.Store(10)
	p.Hold()
	p.Give([]byte("12345"))
	p.Give([]byte("12345"), []byte("6")) // what is there leaves no room for it
	p.wantEnd(ReasonSlow)
}
