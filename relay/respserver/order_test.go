package respserver_test

// Every answer in its place, also when those before it are still to come.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

// pipeline is commands, written as words.
func pipeline(commands ...string) (b []byte) {
	for _, c := range commands {
		b = redistest.AppendCommand(b, strings.Fields(c)...)
	}
	return b
}

// A client gets what was published before its subscription ends, and then the reply to UNSUBSCRIBE.
func TestTheEndOfASubscriptionIsHeardOut(t *testing.T) {
	for _, tt := range []struct {
		command string
		want    []string // behind the message
	}{
		{"UNSUBSCRIBE a", []string{">[unsubscribe a 1]", "+PONG", ":1"}},
		{"UNSUBSCRIBE", []string{">[unsubscribe a 1]", "+PONG", ":1"}},
		{"UNSUBSCRIBE x", []string{">[unsubscribe x 2]", "+PONG", ":1"}},
		{"RESET", []string{"+RESET", "+PONG", ":1"}},
		{"QUIT", []string{"+OK"}},
		{"\n*x\r\n", []string{"-ERR Protocol error: invalid multibulk length"}},
		{"POST", nil},
	} {
		t.Run(tt.command, func(t *testing.T) {
			s := serve(t)
			c := s.dial()
			c.Hello3()
			c.SendRaw(pipeline("SUBSCRIBE a", "PSUBSCRIBE p*"))
			c.Expect(t, ">[subscribe a 1]", ">[psubscribe p* 2]")
			s.mute()
			if broken, is := strings.CutPrefix(tt.command, "\n"); is {
				c.SendRaw([]byte(broken))
			} else {
				c.SendRaw(pipeline(tt.command, "PING", "PUBLISH b x"))
			}
			s.waitAsked(1)
			s.deliver("a", "before")
			s.answer()
			c.Expect(t, ">[message a before]")
			c.Expect(t, tt.want...)
			if !slices.Contains(tt.want, "+PONG") { // it is the end of the connection
				if more := c.Closed(); len(more) > 0 {
					t.Errorf("behind it came %v", more)
				}
			}
		})
	}
}

// Answers that are known at once wait behind those that are not.
func TestAnswersKeepTheirPlaces(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	s.mute()
	c := s.dial()
	c.SendRaw(pipeline(
		"PUBLISH a 0", "PING", "PUBLISH closed x", "NONSENSE", "PUBSUB NUMSUB a", "HELLO 3", "PUBSUB NUMSUB b",
		"CLIENT REPLY SKIP", "PING", "CLIENT REPLY SKIP", "PUBLISH a skipped", "PUBLISH a 2",
		"SUBSCRIBE a b", "SUBSCRIBE a", "PUBLISH a 3", "CLIENT REPLY OFF", "PUBLISH a off", "PING", "SUBSCRIBE c",
		"CLIENT REPLY ON", "ECHO last",
	))
	s.waitPublished(5)
	s.waitAsked(3)
	s.answer()
	s.in(func() {
		for _, f := range s.backend.subscriberCounts {
			f()
		}
	})
	s.answerAll()
	c.Expect(t, ":0", "+PONG", "-DENIED this channel is closed")
	if v := c.Receive(); !strings.HasPrefix(v.String(), "-ERR unknown command 'NONSENSE'") {
		t.Errorf("got %s", v)
	}
	c.Expect(t, "[a 0]")
	if v := c.Receive(); v.Type != '%' {
		t.Errorf("HELLO: got %s", v)
	}
	c.Expect(t, "[b 0]", ":2", ">[subscribe a 1]", ">[subscribe b 2]", ">[subscribe a 2]", ":3", ">[subscribe c 3]",
		"+OK", "last")
}

// Only so many lists of all channels are asked for together. Who has to wait is read no further.
func TestListsWaitForEachOther(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	c := s.dial()
	const most, lists = 16, 50
	c.SendRaw([]byte(strings.Repeat(string(pipeline("PUBSUB CHANNELS")), lists)))
	c.SendRaw(pipeline("PUBLISH a behind"))
	open := func() (n, behind int) {
		s.in(func() { n, behind = len(s.backend.listings), len(s.backend.seen) })
		return n, behind
	}
	for answered := range lists {
		want := min(most, lists-answered)
		until(t, fmt.Sprint(want, " lists are under way"), func() bool { n, _ := open(); return n == want })
		if n, behind := open(); n > most || behind > 0 && answered+most < lists {
			t.Fatalf("%d lists are under way, and %d publishes that came behind them", n, behind)
		}
		s.in(func() {
			list := s.backend.listings
			s.backend.listings = list[1:]
			list[0]()
		})
		c.Expect(t, "[a]")
	}
	s.waitPublished(1)
}

// RESET takes effect in its place.
func TestResetKeepsItsPlace(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	c := s.dial()
	c.Hello3()
	c.SendRaw(pipeline(
		"CLIENT SETNAME x", "SUBSCRIBE a", "PUBLISH a 0", "CLIENT REPLY OFF", "RESET", "CLIENT GETNAME", "SUBSCRIBE b", "RESET",
		"HELLO 3", "SUBSCRIBE c", "PUBLISH a 1",
	))
	s.waitPublished(2)
	until(t, "Redis has answered", func() bool { return ask(s, func() bool { return len(s.upstream.asked) == 0 }) })
	s.deliver("c", "m")
	s.answerAll()
	c.Expect(t, "+OK", ">[subscribe a 1]", ":0", "+RESET")
	if v := c.Receive(); !v.Null {
		t.Errorf("the name is %s", v)
	}
	c.Expect(t, "[subscribe b 1]", "+RESET")
	c.Receive()
	c.Expect(t, ">[subscribe c 1]")
	last := []string{c.Receive().String(), c.Receive().String()} // a message and a reply, in either order
	if slices.Sort(last); !slices.Equal(last, []string{":1", ">[message c m]"}) {
		t.Errorf("at last came %q", last)
	}
}

// As in Redis, CLIENT REPLY SKIP is for the answer of RESET, too, and CLIENT REPLY OFF is not.
func TestResetWithoutReply(t *testing.T) {
	c := serve(t).dial()
	c.SendRaw(pipeline("CLIENT REPLY SKIP", "RESET", "ECHO a", "CLIENT REPLY OFF", "ECHO b", "RESET", "ECHO c"))
	c.Expect(t, "a", "+RESET", "c")
}

// Errors that end the connection come behind what was asked before.
func TestLastWordsComeLast(t *testing.T) {
	for _, tt := range []struct {
		input string
		last  []string
	}{
		{"*x\r\n", []string{"-ERR Protocol error: invalid multibulk length"}},
		{"QUIT\r\nPING\r\n", []string{"+OK"}},
		{"CLIENT KILL ID 1 SKIPME no\r\nPING\r\n", []string{":1"}},
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", nil},
	} {
		t.Run(strings.Fields(tt.input)[0], func(t *testing.T) {
			s := serve(t)
			s.holdPublications()
			c := s.dial()
			c.SendRaw(append(pipeline("PUBLISH a 0", "PUBLISH a 1", "PING"), tt.input...))
			s.waitPublished(2)
			until(t, "it is carried out", func() bool { return s.Stats().Commands >= 3 })
			s.answerAll()
			c.Expect(t, ":0", ":1", "+PONG")
			c.Expect(t, tt.last...)
			if more := c.Closed(); len(more) > 0 {
				t.Errorf("then came %v", more)
			}
		})
	}
}

// What follows a publish that is being checked waits; what came before it does not.
func TestCommandsBehindACheckWait(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	c := s.dial()
	c.SendRaw(pipeline("PING", "PUBLISH a 0"))
	s.waitPublished(1)
	c.Expect(t, "+PONG")
	s.in(func() { s.backend.check = true })
	c.SendRaw(pipeline("PUBLISH a 1", "PUBLISH a 2", "PING"))
	s.waitPublished(2)
	s.in(func() {
		s.backend.check = false
		s.backend.held[1].Checked()
	})
	s.waitPublished(3)
	s.answerAll()
	c.Expect(t, ":0", ":1", ":2", "+PONG")
}

// A large pipeline is carried out in parts, and others are served meanwhile.
func TestLargePipelines(t *testing.T) {
	const n = 100_000
	s := serve(t)
	c := s.dial()
	sent := make(chan error, 1)
	go func() { sent <- c.TrySendRaw([]byte(strings.Repeat("PING\r\n", n))) }()
	for range n {
		c.Expect(t, "+PONG")
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	var b []byte
	echoes := 0
	for ; len(b) < 10<<20; echoes++ {
		b = redistest.AppendCommand(b, "ECHO", fmt.Sprint(echoes, strings.Repeat("x", 5000)))
	}
	go func() { sent <- c.TrySendRaw(b) }()
	for i := range echoes {
		if v := c.Receive(); !strings.HasPrefix(v.Str, fmt.Sprint(i, "x")) {
			t.Fatalf("answer %d is %.20s", i, v.Str)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// Replies that a client does not read while it sends are there for it in the end.
func TestPublishesWithoutReading(t *testing.T) {
	const publishes = 50_000
	s := serve(t)
	c := s.dial()
	c.SendRaw([]byte(strings.Repeat(string(pipeline("PUBLISH a "+strings.Repeat("x", 200))), publishes)))
	for range publishes {
		c.Expect(t, ":1")
	}
	if n := ask(s, func() int { return len(s.backend.seen) }); n != publishes {
		t.Errorf("%d were published", n)
	}
}

// A command that comes in very small pieces fits into the socket, whose room is counted in
// pieces.
func TestCommandsInSmallPieces(t *testing.T) {
	s := serve(t)
	c := s.dial()
	for _, b := range redistest.AppendCommand(nil, "ECHO", strings.Repeat("x", 3000)) {
		c.SendRaw([]byte{b})
	}
	c.Expect(t, strings.Repeat("x", 3000))
}
