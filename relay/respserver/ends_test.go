package respserver_test

// Connections that end while something waits.

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/hub"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/stream"
)

const xread = "XREAD BLOCK 0 STREAMS h 0"

// awaits waits until so many XREADs wait.
func (s *server) awaits(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprint(n, " XREADs wait"), func() bool { return ask(s, func() int { return len(s.backend.awaiting) }) == n })
}

// Nobody is there for what XREAD waits for.
func TestXReadEndsWithItsClient(t *testing.T) {
	for name, end := range map[string]func(s *server, c *redistest.Client){
		"hang-up": func(_ *server, c *redistest.Client) { c.Close() },
		"killed":  func(s *server, _ *redistest.Client) { s.dial().Do("CLIENT", "KILL", "ID", "1") },
		"barred": func(s *server, _ *redistest.Client) {
			s.in(func() { s.RecheckAccess(func(respserver.User, resp.Kind, []byte) bool { return false }) })
		},
		"shutdown": func(s *server, c *redistest.Client) {
			s.end() // waits for less than publishTimeout
			c.Closed()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			c := s.dial()
			c.SendRaw(pipeline(xread, "PING"))
			s.awaits(1)
			end(s, c)
			if name != "shutdown" {
				s.awaits(0)
			}
			until(t, "it is gone", func() bool { return s.Stats().Clients <= 1 })
			if name == "hang-up" {
				return
			}
			if got := c.Closed(); len(got) > 0 {
				t.Errorf("it got %v", got)
			}
		})
	}
}

// A client that has gone before its XREAD is carried out is noticed, too.
func TestXReadOfAClientThatHasGone(t *testing.T) {
	s := serve(t)
	for range 20 {
		c := s.dial()
		c.SendRaw(pipeline(xread))
		c.Close()
	}
	s.waitClients(0)
	s.in(func() { s.backend.check = true })
	c := s.dial()
	c.SendRaw(pipeline("PUBLISH a x", xread))
	s.waitPublished(1)
	c.Close()
	s.waitClients(0)
	s.awaits(0)
}

// Who has only said its last command, and reads on, gets its answer.
func TestHalfClosedGetsItsAnswers(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	for _, command := range []string{"PUBLISH a x", xread, "XRANGE h - +", "PUBSUB NUMSUB a"} {
		c := s.dial()
		c.SendRaw(pipeline(command, "PING"))
		closeWrite(t, c)
		until(t, "it waits", func() bool {
			return ask(s, func() bool {
				b := s.backend
				return len(b.held)+len(b.awaiting)+len(b.ranges)+len(b.subscriberCounts) > 0
			})
		})
		s.in(func() {
			b := s.backend
			b.answer()
			for n, f := range b.awaiting {
				delete(b.awaiting, n)
				f([]stream.Result{{Channel: "h"}}, nil)
			}
			for _, f := range b.ranges {
				if err := b.progress(1, 100); err != nil {
					t.Error(err)
				}
				f(nil, nil)
			}
			for _, f := range b.subscriberCounts {
				f()
			}
			b.ranges, b.subscriberCounts = nil, nil
		})
		if got := c.Closed(); len(got) != 2 || got[1].String() != "+PONG" {
			t.Errorf("%s: got %v", command, got)
		}
	}
	s.waitClients(0)
}

// The publishes of a client that hangs up while they wait are withdrawn, also those that did not fit the window.
func TestHangUpBehindAFullWindow(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Window.Store(2) })
	s.holdPublications()
	c := s.dial()
	c.SendRaw(pipeline("PUBLISH a 0", "PUBLISH a 1", "PUBLISH a 2", "PUBLISH a 3", "PUBLISH a 4"))
	s.waitPublished(2)
	c.Close()
	s.waitClients(0)
	if n := ask(s, func() int { return s.backend.withdrawn }); n < 2 || n != len(s.published()) {
		t.Errorf("%d of %d were withdrawn", n, len(s.published()))
	}
}

// A client that goes while its last answers are awaited is not waited for.
func TestHangUpOfAHalfClosed(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	c := s.dial()
	c.SendRaw(pipeline("PUBLISH a 0"))
	closeWrite(t, c)
	s.waitPublished(1)
	s.in(func() {})
	c.Close()
	s.waitClients(0)
	if n := ask(s, func() int { return s.backend.withdrawn }); n != 1 {
		t.Errorf("%d were withdrawn, want 1", n)
	}
}

// QUIT ends at once, with no reply where none is wanted, and in the end also if Redis is silent.
func TestQuit(t *testing.T) {
	s := serve(t)
	c := s.dial()
	c.SendRaw(pipeline("CLIENT REPLY OFF", "QUIT"))
	if got := c.Closed(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	s.waitClients(0)
	c = s.dial()
	s.mute()
	c.SendRaw(pipeline("SUBSCRIBE a", "CLIENT REPLY OFF", "QUIT"))
	s.waitAsked(1)
	s.answer()
	c.Expect(t, "[subscribe a 1]")
	s.waitClients(0)
}

func TestQuitWhileRedisIsSilent(t *testing.T) {
	s := serve(t, impatient)
	c := s.dial()
	c.SendRaw(pipeline("SUBSCRIBE a"))
	c.Expect(t, "[subscribe a 1]")
	s.mute()
	c.SendRaw(pipeline("QUIT"))
	if got := c.Closed(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	s.waitClients(0)
	s.answer()
}

// The relay that closes breaks nothing off, though there is more to read.
func TestTheEndComesBehindTheReplies(t *testing.T) {
	s := serve(t)
	for range 20 {
		conn := s.dial().NetConn()
		_ = conn.SetDeadline(time.Now().Add(redistest.DefaultTimeout))
		var err error
		s.in(func() { // the relay reads none of it before all is written
			_, err = conn.Write(append(pipeline("PING", "QUIT"), make([]byte, 100<<10)...))
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); string(got) != "+PONG\r\n+OK\r\n" || err != nil {
			t.Fatalf("read %q, %v", got, err)
		}
	}
}

// limits.memory is exceeded while the queues are written: who has the most goes, and all it
// had with it.
func TestTooMuchForAll(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Memory.Store(2 << 20) })
	s.dial().Do("PING") // it accepts
	before := descriptors(t)
	for range 3 {
		c := s.dial()
		c.Send("SUBSCRIBE", "a")
		c.Expect(t, "[subscribe a 1]")
	}
	for range 1000 {
		if s.Ended(hub.ReasonMemory) == 3 {
			break
		}
		s.deliver("a", strings.Repeat("x", 64<<10))
	}
	s.waitClients(1)
	if n := s.stats().Listeners; n[0]+n[1]+n[2] != 0 {
		t.Errorf("%v still listen", n)
	}
	until(t, "their descriptors are closed", func() bool { return descriptors(t) <= before+3 }) // the clients'
}

// descriptors counts those of the process.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// A killed client's reading is given up, and nothing stays counted.
func TestKilledWhileItReads(t *testing.T) {
	s := serve(t, impatient)
	s.holdPublications()
	c, killer := s.dial(), s.dial()
	c.SendRaw(pipeline("PUBSUB NUMSUB a b c", "XRANGE h - +"))
	until(t, "it reads", func() bool { return ask(s, func() bool { return len(s.backend.ranges) == 1 }) })
	s.in(func() {
		if err := s.backend.progress(10, 100_000); err != nil {
			t.Error(err)
		}
	})
	if s.limits.Used() < 100_000 {
		t.Error("it is not counted")
	}
	killer.Send("CLIENT", "KILL", "ID", "1")
	killer.Expect(t, ":1")
	s.waitClients(1) // it has had its time
	if n := s.limits.Used(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
	s.in(func() {
		if err := s.backend.progress(20, 200_000); err == nil {
			t.Error("it may read on")
		}
		s.backend.ranges[0](nil, nil)
		s.backend.subscriberCounts[0]()
	})
	c.Closed()
}
