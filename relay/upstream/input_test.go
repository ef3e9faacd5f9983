package upstream

// What Redis sends: split anywhere, too large, nonsense; and the memory that it is read into.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// traffic is what a peer sends to a client that has asked askedFor.
func traffic() []byte {
	b := resp.AppendPubSub(nil, resp.RESP3, "subscribe", []byte("x"), 1)
	b = resp.AppendPubSub(b, resp.RESP3, "subscribe", []byte("y"), 1)
	b = resp.AppendMessage(b, resp.RESP3, "message", []byte("x"), []byte("1"))
	b = append(b, ":7\r\n"...)
	b = resp.AppendMessage(b, resp.RESP3, "pmessage", []byte("p*"), []byte("px"), []byte("\r\n2"))
	b = resp.AppendMessage(b, resp.RESP3, "message", []byte("x"), make([]byte, 100<<10)) // too large
	b = append(b, "*2\r\n$1\r\na\r\n%1\r\n+k\r\n:1\r\n"...)
	b = append(b, ">2\r\n+invalidate\r\n*1\r\n+x\r\n"...) // nobody has asked for that
	b = append(b, "|1\r\n+a\r\n:1\r\n+PONG\r\n"...)
	b = append(b, "-ERR no\r\n"...)
	return resp.AppendMessage(b, resp.RESP3, "smessage", []byte("s"), nil)
}

// askedFor asks for what traffic answers, and tells the answers.
func askedFor(c *client, tell func(string)) {
	command := func() {
		_ = c.Send(1, AnswerFunc(func(v resp.Value, _ error) { tell(fmt.Sprint(Plain(v))) }), []byte("X"))
	}
	c.Subscribe(resp.Message, []string{"x", "y"}, func(bool, error) { tell("[x y]") })
	command()
	command()
	c.Fence(func(bool) { tell("fence") })
	command()
}

// TestSplitAnywhere: Redis's bytes come in two pieces, split at any place, or one at a time.
func TestSplitAnywhere(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	c := looped(t, opts)
	c.payload.Store(1 << 10)
	text := traffic()
	for at := range text {
		if at < 250 || at > len(text)-250 || at%997 == 0 { // the rest is inside the large one
			splitAt(t, c, text, at)
		}
	}
}

func splitAt(t *testing.T, c *client, text []byte, at int) {
	t.Helper()
	peer, ended := c.attach(t)
	var got strings.Builder
	done := make(chan struct{})
	c.do(func() {
		c.with(func() { c.messages, c.large = nil, nil })
		askedFor(c, func(s string) {
			got.WriteString(s + ";")
			if strings.Count(got.String(), ";") == 5 {
				close(done)
			}
		})
	})
	for _, piece := range [][]byte{text[:at], text[at:]} {
		if _, err := peer.Write(piece); err != nil {
			t.Fatal(err)
		}
		c.do(func() {}) // so that the loop is likely to have read it
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("split at %d: only %q is answered", at, got.String())
	}
	_ = peer.Close()
	if err := <-ended; err == nil {
		t.Error("ended without a cause")
	}
	c.do(func() {
		if want := "[x y];7;[a [k 1]];fence;ERR no;"; got.String() != want {
			t.Errorf("split at %d: got %q, want %q", at, got.String(), want)
		}
		if m := strings.Join(c.messages, "|"); m != "message x 1|pmessage px \r\n2|smessage s " {
			t.Errorf("split at %d: heard %q", at, m)
		}
		if len(c.large) != 1 || !strings.HasPrefix(c.large[0], "message x 1024") {
			t.Errorf("split at %d: too large are %q", at, c.large)
		}
	})
}

// TestHugeReply concerns only who asked: what is asked before and behind it has its answer over the same
// connection, and memory is bounded.
func TestHugeReply(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	c := looped(t, opts)
	most := 0
	c.do(func() {
		c.settles = func() (bool, bool) {
			if c.backlog.session != nil {
				most = max(most, cap(c.backlog.session.in.Chunk()))
			}
			return true, true
		}
	})
	peer, _ := c.attach(t)
	go func() { _, _ = io.Copy(io.Discard, peer) }()
	const m = 1 << 20
	mega := "$1048576\r\n" + strings.Repeat("x", m) + "\r\n"
	for _, huge := range []struct {
		head, part string
		parts      int
	}{
		{fmt.Sprintf("$%d\r\n", 70*m), mega[10 : 10+m], 70},
		{"*70\r\n", mega, 70},
		{"*3000000\r\n", strings.Repeat(":1\r\n", 30_000), 100},
		{"+", mega[10 : 10+m], 70},
	} {
		c.do(func() { most = 0 })
		before, tooLarge, behind := c.send("X"), c.send("X"), c.send("X")
		_, err := io.WriteString(peer, ":1\r\n"+huge.head)
		for range huge.parts {
			if err == nil {
				_, err = io.WriteString(peer, huge.part)
			}
		}
		end := ""
		if huge.head[0] != '*' {
			end = "\r\n"
		}
		if _, werr := io.WriteString(peer, end+":2\r\n"); err != nil || werr != nil {
			t.Fatal(err, werr)
		}
		if a := before.wait(); a.value != int64(1) {
			t.Errorf("%.5q: before: %v, %v", huge.head, a.value, a.err)
		}
		if a := tooLarge.wait(); !errors.Is(a.err, ErrTooLarge) {
			t.Errorf("%.5q: got %v, want ErrTooLarge", huge.head, a.err)
		}
		if a := behind.wait(); a.value != int64(2) {
			t.Errorf("%.5q: behind: %v, %v", huge.head, a.value, a.err)
		}
		peak := 0
		c.do(func() { peak = most })
		if bound := 2*MaxAnswer + m; peak > bound || huge.head[0] == '$' && peak > 2*m {
			t.Errorf("%.5q: %d bytes of memory", huge.head, peak)
		}
	}
	if n := c.ConnectionsMade(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestRealHugeReply is TestHugeReply with a Redis, and an answer that just fits.
func TestRealHugeReply(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	srv.MustDo("SETRANGE", "k", fmt.Sprint(MaxAnswer/2), "x")
	opts := testOptions(srv.URL())
	c := connect(t, opts)
	c.awaitUp(1)
	c.calm()
	const large = `local s = redis.call('GETRANGE', KEYS[1], 0, ARGV[1]) return {s, {s, s}, {}}`
	before, tooLarge := c.send("CLIENT", "ID"), c.send("EVAL", large, "1", "k", fmt.Sprint(MaxAnswer/2))
	fits, behind := c.send("EVAL", large, "1", "k", fmt.Sprint(MaxAnswer/3-200)), c.send("CLIENT", "ID")
	if a := tooLarge.wait(); !errors.Is(a.err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", a.err)
	}
	if a := fits.wait(); a.err != nil || len(a.value.([]any)) != 3 {
		t.Errorf("an answer that just fits: %v", a.err)
	}
	if a, b := before.wait(), behind.wait(); a.value != b.value || a.err != nil {
		t.Errorf("answered over the connections %v and %v", a.value, b.value)
	}
}

// TestNonsense: a server that sends what no Redis sends, or confirms what was not asked, is left; what was
// asked is answered once.
func TestNonsense(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]error{
		">3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:1\r\n":    errOutOfStep,
		">3\r\n$10\r\npsubscribe\r\n$1\r\nx\r\n:1\r\n":  errOutOfStep,
		">3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:1\r\n": errOutOfStep,
		"+OK\r\n":           errOutOfStep,
		"HTTP/1.1 400\r\n":  resp.ErrFrame,
		"*x\r\n":            resp.ErrFrame,
		"-LOADING soon\r\n": ReplyError("LOADING soon"),
		">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n+PONG\r\n:1\r\n:2\r\n": errUnasked,
	} {
		opts := testOptions("")
		c := looped(t, opts)
		peer, ended := c.attach(t)
		n := 0
		c.do(func() {
			c.Subscribe(resp.Message, []string{"x"}, func(bool, error) { n++ })
			c.Fence(func(bool) { n++ })
			_ = c.Publish(1, false, nil, nil, AnswerFunc(func(resp.Value, error) { n++ }))
		})
		if _, err := io.WriteString(peer, sent); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", sent, err, want)
		}
		c.do(func() {
			if n != 3 {
				t.Errorf("%q: %d answers, want 3", sent, n)
			}
		})
	}
}

// TestAnsweredBeforeItIsSent: what has not left yet was not answered, whatever comes.
func TestAnsweredBeforeItIsSent(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	c := looped(t, opts)
	peer, ended := c.attach(t)
	var err error
	c.do(func() {
		if _, werr := io.WriteString(peer, ":1\r\n"); werr != nil {
			t.Error(werr)
		}
		_ = c.Publish(1, false, nil, nil, AnswerFunc(func(_ resp.Value, e error) { err = e }))
		c.Fence(func(bool) {})
		c.backlog.session.read()
	})
	if cause := <-ended; !errors.Is(cause, errUnasked) {
		t.Errorf("got %v, want errUnasked", cause)
	}
	c.do(func() {
		if err != nil || c.backlog.waiting.list.count != 1 {
			t.Errorf("got %v; %d wait, want the one", err, c.backlog.waiting.list.count)
		}
	})
}

// TestAnswersBeforeABrokenWrite: what Redis had answered before it closed is not lost because a write fails
// first.
func TestAnswersBeforeABrokenWrite(t *testing.T) {
	t.Parallel()
	opts := testOptions("")
	c := looped(t, opts)
	peer, ended := c.attach(t)
	first := c.publish(1, "a", "1")
	if _, err := readCommand(bufio.NewReader(peer)); err != nil {
		t.Fatal(err)
	}
	var second error
	c.do(func() {
		_, _ = io.WriteString(peer, ":1\r\n")
		_ = peer.Close()
		_ = c.Publish(1, false, nil, nil, AnswerFunc(func(_ resp.Value, err error) { second = err }))
		c.Flush()
		c.Flush()
	})
	if a := first.wait(); a.value != int64(1) {
		t.Errorf("got %v, %v", a.value, a.err)
	}
	if err := <-ended; errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	c.do(func() {
		if c.backlog.waiting.list.count+1 != 2 && second == nil {
			t.Error("the second has neither an answer nor waits")
		}
	})
}
