package embedded_test

// This file tests a RESP3 connection that subscribes and does everything else, too: the
// order of its replies and messages, and what could end or block it.

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay/redistest"
)

// TestReplyHasItsPlaceAmongMessages reads a number that another client increments and
// publishes: with each reply, exactly the messages up to that number have come.
func TestReplyHasItsPlaceAmongMessages(t *testing.T) {
	t.Parallel()
	const rounds = 3000
	srv := start(t)
	c, other := connect(t, srv), connect(t, srv)
	c.Hello3()
	c.Send("SUBSCRIBE", "n")
	c.Send("SET", "n", "0")
	c.Expect(t, ">[subscribe n 1]", "+OK")

	var publishing sync.WaitGroup
	publishing.Go(func() {
		for range rounds {
			v, err := other.TryDo("EVAL", "return redis.call('PUBLISH', 'n', redis.call('INCR', 'n'))", "0")
			if err != nil || v.String() != ":1" {
				t.Errorf("publish: %v, %v", v, err)
				return
			}
		}
	})
	defer publishing.Wait()
	heard := "0"
	for i := 0; heard != strconv.Itoa(rounds); i++ {
		if i%2 == 0 {
			c.Send("GET", "n")
		} else {
			c.Send("EVAL", "return redis.call('GET', 'n')", "0")
		}
		v := c.Receive()
		for ; v.Type == '>'; v = c.Receive() {
			heard = v.Elems[2].Str
		}
		if v.Str != heard {
			t.Fatalf("a reply says %s behind the message %s", v.Str, heard)
		}
	}
}

func TestWaitingClientHears(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c, other := connect(t, srv), connect(t, srv)
	c.Hello3()
	c.Send("SUBSCRIBE", "a")
	c.Send("XREAD", "BLOCK", "0", "STREAMS", "st", "0")
	c.Send("PUBLISH", "a", "own")
	c.Expect(t, ">[subscribe a 1]")
	for i := range 3 {
		other.Do("PUBLISH", "a", "m"+strconv.Itoa(i))
	}
	c.Expect(t, ">[message a m0]", ">[message a m1]", ">[message a m2]")
	other.Do("XADD", "st", "1-1", "f", "v")
	c.Expect(t, "%[st [[1-1 [f v]]]]", ":1", ">[message a own]")
}

// TestScriptMayNotWait: it would wait for ever, since nobody else is served meanwhile.
func TestScriptMayNotWait(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t))
	for _, call := range []string{
		"'BLPOP', 'none', '0'", "'XREAD', 'BLOCK', '0', 'STREAMS', 'none', '0'", "'BLMOVE', 'none', 'x', 'LEFT', 'LEFT', '0'",
		"'XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 'none', '>'", "'BZPOPMAX', 'none', '0'",
	} {
		const want = "-ERR This Redis command is not allowed from script"
		if got := c.Do("EVAL", "return redis.pcall("+call+")", "0").String(); got != want {
			t.Errorf("%s: got %s, want %s", call, got, want)
		}
	}
}

// TestFailedScriptLeavesTheProtocol: what a script says about its own replies ends with it.
func TestFailedScriptLeavesTheProtocol(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t))
	c.Do("EVAL", "redis.setresp(3) error('no')", "0")
	c.SendRaw(redistest.AppendCommand(nil, "GET", "none"))
	if v := c.Receive(); v.Type != '$' || !v.Null {
		t.Errorf("GET on a RESP2 connection: type %q", v.Type)
	}
}

func TestTooMuchForItselfDisconnects(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c, other := connect(t, srv), connect(t, srv)
	c.Hello3()
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, ">[subscribe a 1]")
	c.Send("EVAL", "for i = 1, 40 do redis.call('PUBLISH', 'a', ARGV[1]) end", "0", strings.Repeat("x", 1<<20))
	c.Closed()
	if got := other.Do("PING").String(); got != "+PONG" {
		t.Errorf("PING: %s", got)
	}
}
