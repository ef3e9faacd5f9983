package upstream

// The memory that messages are read into: kept by the sink, used again, and how much is read at once.

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/frames"
)

// keeper is a Sink that keeps each frame, and looks whether it changes.
type keeper struct {
	t      *testing.T
	frames [][]byte
	wants  []string
	chunks map[*byte]bool // memory that was read into
}

func (k *keeper) Deliver(d *resp.Delivery) {
	k.frames, k.wants = append(k.frames, d.Frame), append(k.wants, string(d.Frame))
}

func (k *keeper) TooLarge(d *resp.Delivery, _ int64) { k.t.Errorf("too large: %s", d.Channel) }

func (k *keeper) check(when string) {
	k.t.Helper()
	for i, f := range k.frames {
		if string(f) != k.wants[i] {
			k.t.Fatalf("%s: frame %d of %d has changed", when, i, len(k.frames))
		}
	}
}

// TestMessagesAreNeighbours, also with replies between them: then they are queued as one.
func TestMessagesAreNeighbours(t *testing.T) {
	t.Parallel()
	c := looped(t, testOptions(""))
	k := &keeper{t: t}
	peer, _ := c.attach(t)
	c.do(func() { c.sink = k })
	const rounds = 50
	var stream []byte
	for i := range rounds {
		stream = resp.AppendMessage(stream, resp.RESP3, "message", []byte("c"), fmt.Appendf(nil, "%d%s", i, strings.Repeat("x", i)))
		if i%3 == 0 {
			stream = append(stream, "+PONG\r\n"...)
			c.do(func() { c.Fence(func(bool) {}) })
		}
	}
	if _, err := peer.Write(stream); err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	redistest.Eventually(t, redistest.DefaultTimeout, "all have come", func() bool {
		c.do(func() { frames = k.frames })
		return len(frames) == rounds
	})
	k.check("at the end")
	for i, f := range frames[1:] {
		if before := frames[i]; cap(before) == len(before) || &before[:len(before)+1][len(before)] != &f[0] {
			t.Fatalf("message %d does not follow the one before", i+1)
		}
	}
}

// TestFramesStay until they are settled, and for ever when the sink says so.
func TestFramesStay(t *testing.T) {
	t.Parallel()
	for name, free := range map[string]bool{"kept": false, "free": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := looped(t, testOptions(""))
			k := &keeper{t: t, chunks: map[*byte]bool{}}
			turn := 0
			peer, _ := c.attach(t)
			c.do(func() {
				c.sink = k
				c.settles = func() (bool, bool) {
					if c.backlog.session == nil || cap(c.backlog.session.in.Chunk()) == 0 {
						return true, true
					}
					k.chunks[&c.backlog.session.in.Chunk()[:1][0]] = true
					k.check(name)
					if turn++; turn%3 != 0 { // what is delivered waits a while to be written
						return false, false
					}
					if free {
						k.frames, k.wants = nil, nil
					}
					return true, free
				}
			})
			var all int
			for i := range 2000 {
				frame := resp.AppendMessage(nil, resp.RESP3, "message", []byte("c"), fmt.Appendf(nil, "%d%s", i, strings.Repeat("x", i%3000)))
				all += len(frame)
				if _, err := peer.Write(frame); err != nil {
					t.Fatal(err)
				}
				if i%10 == 0 {
					c.do(func() {}) // a turn
				}
			}
			settle(c)
			c.do(func() {
				k.check(name)
				if n := len(k.chunks); !free && n < all/frames.ChunkSize || free && n > all/frames.ChunkSize {
					t.Errorf("%d pieces of memory for %d bytes", n, all)
				}
				if !free && len(k.frames) != 2000 {
					t.Errorf("%d messages", len(k.frames))
				}
			})
		})
	}
}

// settle makes some turns.
func settle(c *client) {
	for range 20 {
		c.do(func() {})
		time.Sleep(time.Millisecond)
	}
}

// TestPauseReadsNothing until Resume, and loses nothing.
func TestPauseReadsNothing(t *testing.T) {
	t.Parallel()
	c := looped(t, testOptions(""))
	peer, _ := c.attach(t)
	goOn := false
	c.do(func() {
		c.settles = func() (bool, bool) { return goOn, true }
		c.Pause()
	})
	frame := resp.AppendMessage(nil, resp.RESP3, "message", []byte("c"), make([]byte, 1000))
	written := make(chan error, 1)
	const messages = 2000 // more than a socket takes
	go func() {
		_, err := io.WriteString(peer, strings.Repeat(string(frame), messages))
		written <- err
	}()
	settle(c)
	if n := c.count(func() int { return len(c.messages) }); n != 0 {
		t.Errorf("%d messages are delivered", n)
	}
	c.do(func() { goOn = true })
	redistest.Eventually(t, patience, "all messages", func() bool {
		return c.count(func() int { return len(c.messages) }) == messages
	})
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestFloodIsServedInBursts: listeners are served also while messages do not end.
func TestFloodIsServedInBursts(t *testing.T) {
	t.Parallel()
	c := looped(t, testOptions(""))
	peer, _ := c.attach(t)
	most, before := 0, 0
	c.do(func() {
		c.settles = func() (bool, bool) {
			n := c.count(func() int { return len(c.messages) })
			most, before = max(most, n-before), n
			return true, true
		}
	})
	frame := resp.AppendMessage(nil, resp.RESP3, "message", []byte("c"), make([]byte, 1000))
	if _, err := io.WriteString(peer, strings.Repeat(string(frame), 5000)); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, "all messages", func() bool {
		return c.count(func() int { return len(c.messages) }) == 5000
	})
	c.do(func() {
		if bound := 2 * (burst + frames.ChunkSize) / len(frame); most > bound {
			t.Errorf("%d messages in one turn, want at most %d", most, bound)
		}
	})
}

// TestTooLarge: a message over the limit is told of and not delivered, also with a channel whose name alone
// is over it, and the ones around it come.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	c := prepare(t, testOptions(srv.URL()), "", "a")
	c.payload.Store(1 << 10)
	c.run().awaitUp(1)
	if err := c.subscribe(true, resp.PMessage, "l*"); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("l", 300<<10)
	srv.MustDo("PUBLISH", "a", "1")
	srv.MustDo("PUBLISH", "a", strings.Repeat("x", 10<<20))
	srv.MustDo("PUBLISH", "a", strings.Repeat("x", 70<<10))
	for range 50 {
		srv.MustDo("PUBLISH", long, "2")
	}
	srv.MustDo("PUBLISH", "a", "3")
	c.awaitHeard("message a 3")
	if n := c.count(func() int { return len(c.large) }); n != 52 {
		t.Errorf("%d are too large, want 52", n)
	}
	if !c.heard("message a 1") || c.losses() != 0 {
		t.Errorf("%d losses", c.losses())
	}
}

// TestHugeChannel: a message for a pattern, on a channel whose name is larger than anything is kept, is
// passed over, and the connection stays.
func TestHugeChannel(t *testing.T) {
	t.Parallel()
	c := looped(t, testOptions(""))
	peer, _ := c.attach(t)
	go func() {
		part := strings.Repeat("x", 1<<20)
		_, err := fmt.Fprintf(peer, ">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$%d\r\n", 70<<20)
		for range 70 {
			if err == nil {
				_, err = io.WriteString(peer, part)
			}
		}
		if err == nil {
			_, err = fmt.Fprintf(peer, "\r\n$1\r\nm\r\n%s", resp.AppendMessage(nil, resp.RESP3, "message", []byte("a"), []byte("1")))
		}
		if err != nil {
			t.Error(err)
		}
	}()
	redistest.Eventually(t, 5*patience, "the message behind it", func() bool { return c.heard("message a 1") })
	if n := c.losses() + c.count(func() int { return len(c.messages) }); n != 1 {
		t.Errorf("%d losses and messages", n)
	}
}
