package upstream

// The tap by itself, on scripted bytes: cut anywhere, it hands out the same.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/resp"
)

// stream is bytes as Redis sends them, and what a tap must make of them.
type stream struct {
	maxPayload int
	wire       []byte
	control    []byte   // all that is not a message
	frames     []string // of the messages, in order
	large      []string // "channel size" of those that are too large
}

func (s *stream) other(frame string) {
	s.wire = append(s.wire, frame...)
	s.control = append(s.control, frame...)
}

func (s *stream) message(kind resp.Kind, channel, payload string) {
	parts := [][]byte{[]byte(channel), []byte(payload)}
	if kind == resp.PMessage {
		parts = append([][]byte{[]byte("p*")}, parts...)
	}
	frame := resp.AppendMessage(nil, resp.RESP2, kind.String(), parts...)
	s.wire = append(s.wire, frame...)
	if len(frame) > s.maxPayload+frameExtra {
		s.large = append(s.large, fmt.Sprintf("%s %d", channel, len(frame)))
		return
	}
	s.frames = append(s.frames, string(frame))
}

// others are the frames that are not messages, all of their forms.
var others = []string{
	"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
	"*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:2\r\n",
	"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n",
	"+PONG\r\n",
	"*2\r\n$4\r\npong\r\n$0\r\n\r\n",
	"-NOPERM this user has no permissions to access one of the channels used as arguments\r\n",
	"$5\r\nhello\r\n",
	":42\r\n",
	"*-1\r\n",
	"*3\r\n$7\r\nmessags\r\n$1\r\na\r\n$1\r\nb\r\n", // nearly one
}

// all has every kind of frame once, between others.
func all(maxPayload int) *stream {
	s := &stream{maxPayload: maxPayload}
	for i, frame := range others {
		s.other(frame)
		s.message(resp.Kind(i%resp.Kinds), fmt.Sprint("c", i), strings.Repeat("x", i))
		if i%3 == 0 {
			s.message(resp.Message, "", "\r\n$3\r\n*3\r\n$7\r\nmessage\r\n") // a payload may look like a frame
		}
	}
	s.message(resp.SMessage, "large", strings.Repeat("y", maxPayload+1)) // which is for the sink to refuse
	s.other("+last\r\n")
	return s
}

// script is a connection that brings bytes in pieces of the sizes given, of which
// the last is repeated, and then ends. It checks the order of calls.
type script struct {
	net.Conn
	t      testing.TB
	wire   []byte
	sizes  []int
	keeper *keeper
	widest int // largest buffer offered
}

func (s *script) Read(p []byte) (int, error) {
	s.widest = max(s.widest, len(p))
	if s.keeper.unflushed > 0 {
		s.t.Errorf("%d bytes of messages wait while the tap reads", s.keeper.unflushed)
	}
	if len(p) == 0 {
		s.t.Fatal("read into nothing")
	}
	if len(s.wire) == 0 {
		return 0, io.EOF
	}
	size := s.sizes[0]
	if len(s.sizes) > 1 {
		s.sizes = s.sizes[1:]
	}
	n := copy(p[:min(len(p), max(size, 1))], s.wire)
	s.wire = s.wire[n:]
	return n, nil
}

// keeper keeps frames as they were handed out, without a copy, and a copy beside
// each.
type keeper struct {
	free func() bool // asked at a flush: forget what came since the last one; nil: keep all

	frames    [][]byte // nil: forgotten
	copies    []string
	large     []string
	flushed   int // frames
	unflushed int // bytes
	most      int // bytes that waited for a flush
	flushes   int
}

func (k *keeper) Deliver(d *resp.Delivery) {
	k.frames = append(k.frames, d.Frame)
	k.copies = append(k.copies, string(d.Frame))
	k.unflushed += len(d.Frame)
	k.most = max(k.most, k.unflushed)
}

func (k *keeper) TooLarge(d *resp.Delivery, size int64) {
	k.large = append(k.large, fmt.Sprintf("%s %d", d.Channel, size))
}

func (k *keeper) Flush() (free bool) {
	since := k.frames[k.flushed:]
	k.flushed = len(k.frames)
	k.unflushed = 0
	k.flushes++
	if k.free == nil || !k.free() {
		return false
	}
	clear(since)
	return true
}

// play runs a stream through a tap. It returns what came out as control bytes.
func play(t testing.TB, s *stream, sizes ...int) (k *keeper, control []byte, conn *script) {
	t.Helper()
	k = &keeper{}
	control, conn = playTo(t, k, s, sizes...)
	return k, control, conn
}

// playTo is play with a keeper of one's own.
func playTo(t testing.TB, k *keeper, s *stream, sizes ...int) (control []byte, conn *script) {
	t.Helper()
	conn = &script{t: t, wire: s.wire, sizes: sizes, keeper: k}
	tp := newTap(conn, k, limit(int64(s.maxPayload)))
	buf := make([]byte, 4096)
	for {
		n, err := tp.Read(buf)
		control = append(control, buf[:n]...)
		if errors.Is(err, io.EOF) {
			return control, conn
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
	}
}

// compare fails unless a tap made of a stream what it must.
func compare(t testing.TB, s *stream, k *keeper, control []byte) {
	t.Helper()
	if !bytes.Equal(control, s.control) {
		t.Fatalf("control: got %.300q\nwant %.300q", control, s.control)
	}
	if fmt.Sprint(k.large) != fmt.Sprint(s.large) {
		t.Fatalf("too large: got %q, want %q", k.large, s.large)
	}
	if len(k.frames) != len(s.frames) {
		t.Fatalf("%d messages, want %d", len(k.frames), len(s.frames))
	}
	for i, want := range s.frames {
		if k.copies[i] != want {
			t.Fatalf("message %d: got %.100q, want %.100q", i, k.copies[i], want)
		}
		if k.frames[i] != nil && string(k.frames[i]) != want {
			t.Fatalf("message %d was overwritten while it was kept: %.100q", i, k.frames[i])
		}
	}
	if k.unflushed > 0 {
		t.Fatalf("%d bytes were never flushed", k.unflushed)
	}
}

func TestTapSplitAnywhere(t *testing.T) {
	s := all(64)
	for at := range len(s.wire) {
		k, control, _ := play(t, s, at, len(s.wire))
		compare(t, s, k, control)
	}
	k, control, _ := play(t, s, 1) // byte by byte
	compare(t, s, k, control)
}

// TestTapRandomChunks goes through many chunks of memory, with payloads that are
// longer than one. Now and then the sink keeps what it got, and never for longer
// than the tap allows.
func TestTapRandomChunks(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := &stream{maxPayload: chunkSize + chunkSize/2}
		for len(s.wire) < 6*chunkSize {
			if rng.IntN(4) == 0 {
				s.other(others[rng.IntN(len(others))])
				continue
			}
			size := rng.IntN(200)
			if rng.IntN(40) == 0 {
				size = rng.IntN(2 * chunkSize)
			}
			payload := strings.Repeat(string(rune('a'+rng.IntN(26))), size)
			s.message(resp.Kind(rng.IntN(resp.Kinds)), fmt.Sprint("c", len(s.frames)), payload)
		}
		sizes := make([]int, 20_000)
		for i := range sizes {
			sizes[i] = 1 + rng.IntN(1<<rng.IntN(18))
		}
		k := &keeper{free: func() bool { return rng.IntN(8) > 0 }}
		control, _ := playTo(t, k, s, sizes...)
		compare(t, s, k, control)
	}
}

// TestTapOneAtATime: a frame that go-redis gets never comes with a piece of the
// next, nor with messages that were sent before it still under way.
func TestTapOneAtATime(t *testing.T) {
	s := all(64)
	k := &keeper{}
	tp := newTap(&script{t: t, wire: s.wire, sizes: []int{len(s.wire)}, keeper: k}, k, limit(64))
	buf := make([]byte, 4096)
	for i, want := range others {
		n, err := tp.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("frame %d: got %q, %v, want %q", i, buf[:n], err, want)
		}
		if got := len(k.frames); got != i+(i+2)/3 {
			t.Fatalf("frame %d came after %d messages, want %d", i, got, i+(i+2)/3)
		}
	}
}

// TestTapSmallReads: go-redis may read with any buffer.
func TestTapSmallReads(t *testing.T) {
	s := all(64)
	k := &keeper{}
	tp := newTap(&script{t: t, wire: s.wire, sizes: []int{7}, keeper: k}, k, limit(64))
	control, err := io.ReadAll(iotestOneByte{tp})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, s, k, control)
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

// TestTapFlushesInABurst: listeners are served every so many bytes, even if Redis
// never pauses.
func TestTapFlushesInABurst(t *testing.T) {
	s := &stream{maxPayload: 1 << 20}
	for i := range 20_000 {
		s.message(resp.Message, "burst", fmt.Sprintf("%0100d", i))
	}
	k, control, _ := play(t, s, len(s.wire))
	compare(t, s, k, control)
	if frame := len(s.frames[0]); k.most >= flushBytes+frame {
		t.Errorf("%d bytes waited for a flush, want less than %d", k.most, flushBytes+frame)
	}
	if reads := len(s.wire)/(chunkSize-minRead) + 1; k.flushes > len(s.wire)/flushBytes+2*reads {
		t.Errorf("%d flushes of %d bytes", k.flushes, len(s.wire))
	}
}

// TestTapFlushesBeforeItWaits on connections of both sorts, where a missing flush
// would leave the message lying until the next one.
func TestTapFlushesBeforeItWaits(t *testing.T) {
	t.Run("socket", func(t *testing.T) {
		ours, theirs := socketPair(t)
		testFlushesBeforeItWaits(t, ours, theirs)
	})
	t.Run("pipe", func(t *testing.T) {
		ours, theirs := net.Pipe()
		testFlushesBeforeItWaits(t, ours, theirs)
	})
}

func testFlushesBeforeItWaits(t *testing.T, ours, theirs net.Conn) {
	t.Cleanup(func() { _ = ours.Close() })
	flushed := make(flushChan, 8)
	tp := newTap(ours, flushed, limit(64))
	done := make(chan error, 1)
	go func() {
		_, err := tp.Read(make([]byte, 64))
		done <- err
	}()
	s := &stream{maxPayload: 64}
	s.message(resp.Message, "a", "m")
	for range 3 {
		if _, err := theirs.Write(append(s.wire, s.wire[:5]...)); err != nil {
			t.Fatal(err)
		}
		<-flushed // or the test times out
		if _, err := theirs.Write(s.wire[5:]); err != nil {
			t.Fatal(err)
		}
		<-flushed
	}
	_ = theirs.Close()
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Errorf("at the end: got %v, want EOF", err)
	}
}

// flushChan is a Sink that only tells of flushes.
type flushChan chan struct{}

func (c flushChan) Deliver(*resp.Delivery)         {}
func (c flushChan) TooLarge(*resp.Delivery, int64) {}

func (c flushChan) Flush() (free bool) {
	c <- struct{}{}
	return true
}

// TestTapGathers what has been sent, in however many pieces, for one flush.
func TestTapGathers(t *testing.T) {
	ours, theirs := socketPair(t)
	s := all(64)
	for piece := range slices.Chunk(s.wire, 100) {
		if _, err := theirs.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	_ = theirs.Close()
	k := &keeper{}
	control, err := io.ReadAll(newTap(ours, k, limit(64)))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, s, k, control)
	if k.flushes > 1 {
		t.Errorf("%d flushes", k.flushes)
	}
}

// socketPair returns two connected Unix sockets, which a test may also close
// itself.
func socketPair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		_ = f.Close() // the connection has a descriptor of its own
		t.Cleanup(func() { _ = ends[i].Close() })
	}
	return ends[0], ends[1]
}

// TestTapSkipsWhatIsTooLarge without taking memory for it, and is in step again.
func TestTapSkipsWhatIsTooLarge(t *testing.T) {
	s := &stream{maxPayload: 1000}
	for _, size := range []int{1000, 1001, 1000 + frameExtra, 8 << 20, 0} {
		s.message(resp.Message, "a", strings.Repeat("z", size))
		s.message(resp.PMessage, "b", "small")
		s.other("+PONG\r\n")
	}
	for _, size := range []int{101, 4096, len(s.wire)} {
		k, control, conn := play(t, s, size)
		compare(t, s, k, control)
		if conn.widest > chunkSize {
			t.Errorf("pieces of %d: took %d bytes for a frame to be skipped, want at most %d", size, conn.widest, chunkSize)
		}
	}
}

func TestTapRefusesGarbage(t *testing.T) {
	for _, wire := range []string{
		"HTTP/1.1 400 Bad Request\r\n", ">3\r\n", "*3\r\n$7\r\nmessage\r\n+a\r\n$1\r\nb\r\n",
		"*3\r\n$7\r\nmessage\r\n$-1\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nabc$1\r\n",
		fmt.Sprintf("$%d\r\n", maxControl+1), // not worth the memory
	} {
		k := &keeper{}
		tp := newTap(&script{t: t, wire: []byte(wire), sizes: []int{3}, keeper: k}, k, limit(64))
		if _, err := io.ReadAll(tp); err == nil || !strings.Contains(err.Error(), resp.ErrFrame.Error()) {
			t.Errorf("%q: got %v, want ErrFrame", wire, err)
		}
	}
}

// FuzzTap plays a stream that the fuzzer composes, one frame for each byte of
// frames, and behind it garbage. Up to the garbage everything must come out as it
// went in, in whatever pieces; after it nothing may panic.
func FuzzTap(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []byte{1}, []byte("+OK\r\n"))
	f.Add([]byte{0, 64, 128, 192, 255}, []byte{3, 200}, []byte("*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$99"))
	f.Add([]byte{15, 15, 31, 0}, []byte{255}, []byte("*3\r\n$7\r\nmessage\r\n$-1\r\n"))
	f.Add([]byte{47, 16, 32}, []byte{5, 1, 9}, []byte("*99999999999\r\n"))
	f.Fuzz(func(t *testing.T, frames, pieces, garbage []byte) {
		if len(frames) > 200 {
			return
		}
		s := compose(frames)
		sizes := []int{}
		for _, p := range pieces {
			sizes = append(sizes, int(p)*int(p)+1)
		}
		sizes = append(sizes, 50)
		k, control, _ := play(t, s, sizes...)
		compare(t, s, k, control)

		k = &keeper{}
		conn := &script{t: t, wire: append(bytes.Clone(s.wire), garbage...), sizes: sizes, keeper: k}
		control, _ = io.ReadAll(newTap(conn, k, limit(int64(s.maxPayload))))
		if len(k.frames) < len(s.frames) || len(control) < len(s.control) {
			t.Fatalf("garbage behind cost what was before: %d of %d messages", len(k.frames), len(s.frames))
		}
	})
}

// compose makes a stream: the low bits of each byte choose the kind of frame, the
// high ones its size.
func compose(frames []byte) *stream {
	s := &stream{maxPayload: 64}
	for i, b := range frames {
		kind, size := int(b&15), int(b>>4)
		switch {
		case kind < len(others):
			s.other(others[kind])
		case kind == 15 && i < 8:
			s.message(resp.Message, "huge", strings.Repeat("h", s.maxPayload+frameExtra+size))
		default:
			s.message(resp.Kind(kind%resp.Kinds), fmt.Sprint("c", i), strings.Repeat("\r\n$1", size*2))
		}
	}
	return s
}

// loop is a connection that brings the same bytes again and again.
type loop struct {
	net.Conn
	wire []byte
	at   int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.wire[l.at:])
	l.at = (l.at + n) % len(l.wire)
	return n, nil
}

// BenchmarkTap measures the cost of a message that nobody keeps.
func BenchmarkTap(b *testing.B) {
	s := &stream{maxPayload: 1 << 20}
	const messages = 4096
	for range messages {
		s.message(resp.Message, "chat:42", strings.Repeat("x", 124))
	}
	s.other("+PONG\r\n") // so that Read returns
	k := &counter{}
	tp := newTap(&loop{wire: s.wire}, k, limit(1<<20))
	buf := make([]byte, 64)
	b.SetBytes(int64(len(s.wire)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if _, err := tp.Read(buf); err != nil {
			b.Fatal(err)
		}
		n += messages
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/message")
	if k.n < n {
		b.Fatalf("%d messages of %d", k.n, n)
	}
}

// TestTapAllocates nothing per message, and a chunk at times if messages are kept.
func TestTapAllocates(t *testing.T) {
	s := &stream{maxPayload: 1 << 20}
	const messages = 4096
	for range messages {
		s.message(resp.Message, "chat:42", strings.Repeat("x", 124))
	}
	s.other("+PONG\r\n")
	chunks := float64(len(s.wire))/(chunkSize-minRead) + 1
	for sink, most := range map[*counter]float64{{}: 0, {keeps: true}: chunks} {
		tp := newTap(&loop{wire: s.wire}, sink, limit(1<<20))
		buf := make([]byte, 64)
		if got := testing.AllocsPerRun(50, func() { _, _ = tp.Read(buf) }); got > most {
			t.Errorf("kept %v: %v allocations for %d messages, want at most %v", sink.keeps, got, messages, most)
		}
	}
}

// counter is a Sink that only counts, and may say that it keeps what it gets.
type counter struct {
	keeps bool
	n     int
}

func (c *counter) Deliver(*resp.Delivery)         { c.n++ }
func (c *counter) TooLarge(*resp.Delivery, int64) {}
func (c *counter) Flush() (free bool)             { return !c.keeps }
