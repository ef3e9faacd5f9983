package respserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver"
	"redis-relay/relay/tail"
)

// watched is a server whose messages can be shown.
type watched struct {
	*server
	viewers *tail.Viewers
}

func serveWatched(t *testing.T) *watched {
	t.Helper()
	viewers := &tail.Viewers{}
	s := serve(t, func(o *respserver.Options, l *respserver.Limits) {
		o.Viewers = viewers
		l.Patterns.Store(2)
	})
	return &watched{s, viewers}
}

// show shows a message of this channel.
func (s *watched) show(channel string) {
	s.in(func() {
		s.viewers.Show(&tail.Message{
			Time: time.Unix(1, 0), Command: tail.Received, Source: "redis:0", Channel: []byte(channel), Verdict: tail.OK,
		})
	})
}

// shown is the reply that a message becomes.
func shown(channel string) string {
	return fmt.Sprintf(`+1.000000 [0 redis:0] "message" "%s" "" "verdict=ok"`, channel)
}

func (s *watched) any() bool { return ask(s.server, s.viewers.Any) }

// TestMonitorIsConfirmedBeforeItShows, also behind a reply that is not known yet, and in either protocol.
func TestMonitorIsConfirmedBeforeItShows(t *testing.T) {
	s := serveWatched(t)
	for _, resp3 := range []bool{false, true} {
		c := s.dial()
		if resp3 {
			c.Hello3()
		}
		s.holdPublications()
		before := len(s.published())
		c.SendRaw(pipeline("PUBLISH a 1", "MONITOR MATCH [ab]", "PING"))
		until(t, "a viewer", s.any)
		s.waitPublished(before + 1)
		s.show("a")
		s.show("c")
		s.show("closed")
		s.answerAll()
		s.show("b")
		for _, want := range []string{":0", "+OK", "+PONG", shown("a"), shown("b")} {
			if got := c.Receive().String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		c.Close()
		until(t, "no viewer", func() bool { return !s.any() })
	}
}

// TestMonitorEnds by RESET and by QUIT; MONITOR again takes new options.
func TestMonitorEnds(t *testing.T) {
	s := serveWatched(t)
	c := s.dial()
	c.Send("CLIENT", "SETNAME", "me")
	c.Expect(t, "+OK")
	c.Send("MONITOR", "MATCH", "a")
	c.Expect(t, "+OK")
	if l := line(t, s.dial(), "me"); !strings.Contains(l, " flags=OU ") {
		t.Errorf("CLIENT LIST: %s", l)
	}
	c.Send("MONITOR", "MATCH", "b")
	c.Expect(t, "+OK")
	s.show("a")
	s.show("b")
	c.Expect(t, shown("b"))
	c.Send("RESET")
	c.Expect(t, "+RESET")
	if s.any() {
		t.Error("there is a viewer after RESET")
	}
	s.show("b")
	c.Send("PING")
	c.Expect(t, "+PONG")
	c.Send("MONITOR")
	c.Expect(t, "+OK")
	c.Send("QUIT")
	c.Expect(t, "+OK")
	c.Closed()
	if s.any() {
		t.Error("there is a viewer after QUIT")
	}
}

func TestMonitorIsRefused(t *testing.T) {
	s := serveWatched(t)
	c := s.dial()
	for command, want := range map[string]string{
		"MONITOR RATE 0":              "-ERR RATE is a number of lines a second, 1 to 10000",
		"MONITOR now":                 "-ERR syntax error: MONITOR [MATCH pattern]... [REJECTED] [FULL] [RATE lines-per-second]",
		"MONITOR " + matches(3):       "-DENIED 3 patterns are over limits.patterns (2)",
		"MONITOR MATCH " + long(1001): "-DENIED " + long(128) + ": a pattern of 1001 bytes is over limits.pattern_length (1000)",
	} {
		c.SendRaw(pipeline(command))
		c.Expect(t, want)
	}
	if s.any() {
		t.Error("there is a viewer")
	}
	var all []*redistest.Client
	for range 16 {
		all = append(all, s.dial())
		all[len(all)-1].Send("MONITOR")
		all[len(all)-1].Expect(t, "+OK")
	}
	c.Send("MONITOR")
	c.Expect(t, "-ERR 16 clients are in MONITOR already")
	all[0].Send("MONITOR", "FULL") // is one of them
	all[0].Expect(t, "+OK")
	sub := s.dial()
	sub.Send("SUBSCRIBE", "x")
	sub.Receive()
	sub.Send("MONITOR")
	if got := sub.Receive().String(); !strings.HasPrefix(got, "-ERR Can't execute 'monitor'") {
		t.Errorf("a subscriber in RESP2: %s", got)
	}
}

func matches(n int) string { return strings.Repeat("MATCH a ", n) }
func long(n int) string    { return strings.Repeat("x", n) }
