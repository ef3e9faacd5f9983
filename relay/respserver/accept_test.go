package respserver_test

// Connections of which no command comes, and times in which none can be accepted.

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver"
)

// Who sends no whole command in time is shown out, whatever it does instead, and
// who has sent one may be silent for as long as it likes.
func TestCommandsMustComeInWhole(t *testing.T) {
	const timeout = 500 * time.Millisecond
	s := serve(t)
	idle, subscriber := s.dial(), s.dial() // in their own time, before there is a limit
	idle.Send("PING")
	idle.Expect(t, "+PONG")
	subscriber.Send("SUBSCRIBE", "a")
	subscriber.Expect(t, "[subscribe a 1]")
	publish := string(redistest.AppendCommand(nil, "PUBLISH", "a", strings.Repeat("x", 1000)))
	oversize := "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$9000000\r\n" + strings.Repeat("x", 1<<16)
	cut := map[string]string{
		"nothing":                        "",
		"empty lines":                    "\r\n\r\n*0\r\n",
		"half of the first":              publish[:500],
		"a byte":                         "*",
		"half of an inline command":      "PUBLISH a",
		"half of the second":             publish + publish[:500],
		"half of one that is skipped":    "PING\r\n" + oversize,
		"half of one behind a long wait": "PING\r\n" + publish[:len(publish)-1],
	}
	began := time.Now()
	var clients []*redistest.Client
	for _, input := range cut {
		c := s.dial()
		c.SendRaw([]byte(input))
		clients = append(clients, c)
	}
	trickle := s.dial()
	go func() {
		for trickle.TrySend("PING") == nil { // whole ones, so that this is not the reason
			if conn := trickle.NetConn(); writeSlowly(conn, publish) != nil {
				return
			}
		}
	}()
	s.limits.Command.Store(int64(timeout)) // holds for what has begun before

	for _, c := range append(clients, trickle) {
		c.Closed()
	}
	if took := time.Since(began); took < timeout {
		t.Errorf("they were cut off after %v", took)
	}
	s.waitClients(2)
	if got := s.Ended(respserver.ReasonCutOff); got != uint64(len(clients)+1) {
		t.Errorf("%d are counted, want %d", got, len(clients)+1)
	}
	if n := s.logs.FilterMessageSnippet("did not come in whole").Len(); n == 0 || n > len(clients) {
		t.Errorf("%d lines in the log", n)
	}
	s.deliver("a", "m")
	subscriber.Expect(t, "[message a m]")
	idle.Send("PING")
	idle.Expect(t, "+PONG")

	s.limits.Command.Store(0) // a reload
	c := s.dial()
	redistest.Eventually(t, redistest.DefaultTimeout, "the time is long over", func() bool {
		return time.Since(began) > 5*timeout
	})
	c.Send("PING")
	c.Expect(t, "+PONG")
}

// writeSlowly sends a byte now and then.
func writeSlowly(conn net.Conn, text string) error {
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// A client that reads no replies of its publishes is no exception.
func TestPublisherThatReadsNoRepliesIsDisconnected(t *testing.T) {
	s := serve(t, queue(64<<10))
	conn := s.dial().NetConn()
	batch := []byte(strings.Repeat(string(redistest.AppendCommand(nil, "PUBLISH", "a", "m")), 100))
	deadline := time.Now().Add(redistest.DefaultTimeout)
	_ = conn.SetWriteDeadline(deadline)
	for err := error(nil); err == nil; {
		_, err = conn.Write(batch)
	}
	if time.Now().After(deadline) {
		t.Fatal("the client was neither served nor disconnected")
	}
	s.waitClients(0)
	if s.logs.FilterMessageSnippet("did not keep up").Len() != 1 {
		t.Error("the log does not say so")
	}
}

func TestPatternLimits(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) {
		l.Patterns.Store(2)
		l.PatternLength.Store(5)
	})
	c := s.dial()
	for _, tt := range []struct{ command, want string }{
		{"PSUBSCRIBE abcdef", "-DENIED abcdef: a pattern of 6 bytes is over limits.pattern_length (5)"},
		{"PUBSUB CHANNELS abcdef", "-DENIED abcdef: a pattern of 6 bytes is over limits.pattern_length (5)"},
		{"PSUBSCRIBE a* b* c*", "-DENIED a*: this would be pattern 3 of this connection, over limits.patterns"},
		{"PSUBSCRIBE abcde", "[psubscribe abcde 1]"},
		{"SUBSCRIBE abcdef", "[subscribe abcdef 2]"},
		{"SSUBSCRIBE abcdef", "[ssubscribe abcdef 1]"},
		{"PSUBSCRIBE b*", "[psubscribe b* 3]"},
		{"PSUBSCRIBE b*", "[psubscribe b* 3]"},
		{"PSUBSCRIBE c*", "-DENIED c*: this would be pattern 3 of this connection, over limits.patterns"},
		{"PUNSUBSCRIBE b*", "[punsubscribe b* 2]"},
		{"PSUBSCRIBE c*", "[psubscribe c* 3]"},
	} {
		if strings.HasPrefix(tt.command, "PUBSUB") {
			other := s.dial()
			other.Send(strings.Fields(tt.command)...)
			other.Expect(t, tt.want)
			continue
		}
		c.Send(strings.Fields(tt.command)...)
		c.Expect(t, tt.want)
	}
}

// The names of clients and of channels have limits: both are kept in memory.
func TestLongNamesAreRefused(t *testing.T) {
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) {
		l.Name.Store(8)
		l.PatternLength.Store(1000)
	})
	longest, tooLong := strings.Repeat("x", 512), strings.Repeat("x", 513)
	const tail = " cannot have more than 512 bytes; this one has 513"
	for _, tt := range []struct {
		command []string
		want    string
	}{
		{[]string{"CLIENT", "SETNAME", longest}, "+OK"},
		{[]string{"CLIENT", "SETNAME", tooLong}, "-ERR Client names" + tail},
		{[]string{"HELLO", "2", "SETNAME", tooLong}, "-ERR Client names" + tail},
		{[]string{"CLIENT", "SETINFO", "LIB-NAME", longest}, "+OK"},
		{[]string{"CLIENT", "SETINFO", "LIB-NAME", tooLong}, "-ERR lib-name" + tail},
		{[]string{"CLIENT", "SETINFO", "lib-ver", tooLong}, "-ERR lib-ver" + tail},
		{[]string{"SUBSCRIBE", "12345678", "123456789"}, "-DENIED 123456789: a name of 9 bytes is over limits.name (8)"},
		{[]string{"SSUBSCRIBE", "123456789"}, "-DENIED 123456789: a name of 9 bytes is over limits.name (8)"},
		{[]string{"PSUBSCRIBE", "12345678*"}, "-DENIED 12345678*: a name of 9 bytes is over limits.name (8)"},
		{[]string{"PUBSUB", "CHANNELS", "12345678*"}, "-DENIED 12345678*: a name of 9 bytes is over limits.name (8)"},
		{[]string{"PUBSUB", "NUMSUB", "a", "123456789"}, "-DENIED 123456789: a name of 9 bytes is over limits.name (8)"},
		{[]string{"XRANGE", "123456789", "-", "+"}, "-DENIED 123456789: a name of 9 bytes is over limits.name (8)"},
		{[]string{"XLEN", "123456789"}, "-DENIED 123456789: a name of 9 bytes is over limits.name (8)"},
		{
			[]string{"XREAD", "BLOCK", "1", "STREAMS", "a", "123456789", "0", "0"},
			"-DENIED 123456789: a name of 9 bytes is over limits.name (8)",
		},
		{[]string{"SUBSCRIBE", tooLong}, "-DENIED " + tooLong[:128] + ": a name of 513 bytes is over limits.name (8)"},
		{[]string{"CLIENT", "GETNAME"}, longest},
	} {
		c := s.dial()
		if tt.command[1] == "GETNAME" {
			c.Send("CLIENT", "SETNAME", longest)
			c.Expect(t, "+OK")
		}
		c.Send(tt.command...)
		c.Expect(t, tt.want)
		c.Close()
	}
}

// exhausted is accept(2) that fails while there are no descriptors.
type exhausted struct {
	err   atomic.Pointer[error]
	tries atomic.Int64
}

func (e *exhausted) wrap(accept func(int) (int, error)) func(int) (int, error) {
	return func(listener int) (int, error) {
		if err := e.err.Load(); err != nil {
			e.tries.Add(1)
			return -1, os.NewSyscallError("accept4", *err)
		}
		return accept(listener)
	}
}

func TestAcceptOutlivesExhaustion(t *testing.T) {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			t.Parallel()
			var l exhausted
			l.err.Store(&errno)
			began := time.Now()
			s := serveOver(t, l.wrap)
			waiting := s.dial()
			for range 20 { // who comes meanwhile does not have it tried more often
				s.dial().Close()
			}
			until(t, "some tries", func() bool { return l.tries.Load() > 5 })
			if took := time.Since(began); took < 100*time.Millisecond { // 5+10+20+40+80
				t.Errorf("6 tries in %v", took)
			}
			l.err.Store(nil)
			waiting.Send("PING")
			waiting.Expect(t, "+PONG")
			l.err.Store(&errno) // again, for a moment
			tries := l.tries.Load()
			last := s.dial()
			until(t, "another try", func() bool { return l.tries.Load() > tries })
			last.Close()
			l.err.Store(nil)
			until(t, "the end is told", func() bool {
				c := s.dial()
				c.Send("PING")
				c.Expect(t, "+PONG")
				c.Close()
				return s.logs.FilterMessage("connections are accepted again").Len() == 1
			})
			if n := s.logs.FilterMessageSnippet("cannot accept").Len(); n != 1 {
				t.Errorf("%d lines in the log", n)
			}
		})
	}
}

// A listener that fails for good ends Serve, with the reason.
func TestServeEndsWithItsListener(t *testing.T) {
	var l exhausted
	failure := error(syscall.EBADF)
	l.err.Store(&failure)
	s := serveOver(t, l.wrap)
	if err := <-s.done; !errors.Is(err, failure) {
		t.Errorf("Serve: %v", err)
	}
	s.done <- nil // for the end of the test
}
